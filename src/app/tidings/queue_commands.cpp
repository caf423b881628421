#include "queue_commands.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include <tidings/base/bytes.hpp>

namespace tidings {

namespace {

constexpr std::uint64_t kPeeked = 10;

// Addresses with a password do not belong into flags, which every user of the machine can see. Read here: CLI11 would fill
// those of the other commands too, which share their place with the one that was given.
constexpr const char* kTransportVariable = "TIDINGS_QUEUE_TRANSPORT";
constexpr const char* kFromVariable = "TIDINGS_BRIDGE_FROM";
constexpr const char* kToVariable = "TIDINGS_BRIDGE_TO";

std::string Else(const char* variable) { return std::string(" (else ") + variable + " of the environment)"; }

// The flag wins. Empty if it is in neither.
void TakeVariable(std::string& flag, const char* variable) {
  const char* const value = std::getenv(variable);
  if (flag.empty() && value != nullptr) flag = value;
}

}  // namespace

QueueCommands::QueueCommands(CLI::App& cli, const std::function<void(CLI::App&)>& add_data) {
  CLI::App* queue = cli.add_subcommand("queue", "Queues and dead letters: of a broker, or of this server's own log");
  queue->require_subcommand(1);
  list_ = Add(*queue, "list", "Show queues with how much is in them, and their dead letters", add_data);
  list_->add_option("QUEUE", queues_, "Their names; all that are known if not given (RabbitMQ does not tell)");

  peek_ = Add(*queue, "peek", "Show dead letters of a queue, the oldest first; they stay", add_data);
  peek_->add_option("QUEUE", queue_, "The queue that they died in")->required();
  AddSelection(*peek_, "At most so many (10)");
  peek_->add_flag("--waiting", waiting_,
                  "Messages that wait in the queue itself (on RabbitMQ that counts as a delivery)");

  edit_ = Add(*queue, "edit", "Change a dead letter; its id stays", add_data);
  edit_->add_option("QUEUE", queue_, "The queue that it died in")->required();
  edit_->add_option("ID", id_, "The letter's id")->required();
  edit_->add_option("--body", body_, "Its new body");
  edit_->add_option("--body-file", body_file_, "A file with its new body, or - for standard input");
  edit_->add_option("--type", type_, "Its new type");
  edit_->add_option("--key", key_, "Its new key");
  edit_->add_option("--set", set_, "A header, NAME=VALUE; several times for several")->allow_extra_args(false);
  edit_->add_option("--remove", remove_, "A header to be removed")->allow_extra_args(false);

  replay_ =
      Add(*queue, "replay", "Send dead letters back to be handled, with their ids and no failures counted", add_data);
  replay_->add_option("QUEUE", queue_, "The queue that they died in")->required();
  AddSelection(*replay_, "At most so many");
  replay_->add_option("--to", to_, "A queue in place of the one that they died in");
  replay_->add_option("--rate", rate_, "At most so many a second, 0 for no bound")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  replay_->add_flag("--dry-run", dry_run_, "Only count them");

  purge_ = Add(*queue, "purge", "Drop dead letters of a queue for good", add_data);
  purge_->add_option("QUEUE", queue_, "The queue that they died in")->required();
  AddSelection(*purge_, "At most so many");
  purge_->add_flag("--all", all_, "Drop all of them; without it, what is named by --id, --reason or --limit");
  purge_->add_flag("--waiting", waiting_, "With --all: drop all that waits in the queue itself instead");
  purge_->callback([this] { CheckPurge(); });

  AddProof(*queue);

  bridge_ = cli.add_subcommand("bridge", "Move queues to a broker, without losing a message");
  add_data(*bridge_);
  bridge_->add_option("--from", bridge_order_.from,
                      "sqlite for the store in --data, served or not; or sqlite:FILE, redis://HOST:PORT, amqp://…" +
                          Else(kFromVariable));
  bridge_->add_option("--to", bridge_order_.to,
                      "amqp://USER:PASSWORD@HOST:PORT/VHOST, or another transport" + Else(kToVariable));
  bridge_->callback([this] {
    TakeVariable(bridge_order_.from, kFromVariable);
    TakeVariable(bridge_order_.to, kToVariable);
    if (bridge_order_.from.empty()) throw CLI::RequiredError("--from");
    if (bridge_order_.to.empty()) throw CLI::RequiredError("--to");
  });
  bridge_
      ->add_option(
          "--queue", bridge_order_.queues,
          "A queue to move; several times for several; all if not given, but of RabbitMQ, which does not tell them")
      ->allow_extra_args(false);
  bridge_->add_flag("--follow", bridge_order_.follow, "Go on with what comes, until SIGTERM");
}

CLI::App* QueueCommands::Add(CLI::App& parent, const std::string& name, const std::string& help,
                             const std::function<void(CLI::App&)>& add_data) {
  CLI::App* command = parent.add_subcommand(name, help);
  add_data(*command);
  command->add_option("--transport", transport_,
                      "sqlite:FOLDER, redis://HOST:PORT or amqp://USER:PASSWORD@HOST:PORT" + Else(kTransportVariable) +
                          "; without it, or with --data alone, the queues of the store");
  command->add_flag("--json", json_, "JSON Lines");
  return command;
}

void QueueCommands::AddSelection(CLI::App& command, const std::string& most_help) {
  command.add_option("--id", ids_, "The letter with this id; several times for several")->allow_extra_args(false);
  command
      .add_option("--reason", reason_,
                  "Those that died for this: failed, rejected, undecodable, delivery-limit, expired")
      ->check(CLI::IsMember({"failed", "rejected", "undecodable", "delivery-limit", "expired"}));
  command
      .add_option_function<std::string>(
          "--limit",
          [this](const std::string& text) {
            most_ = ParseWhole(text).value_or(0);
            if (most_ == 0) throw CLI::ValidationError("--limit takes a whole number from 1 on, not '" + text + "'");
          },
          most_help)
      ->type_name("UINT");
}

void QueueCommands::AddProof(CLI::App& queue) {
  prove_ =
      queue.add_subcommand("prove", "Kill producers, consumers and the broker while they work; count what came of it");
  prove_
      ->add_option("--transport", proof_.transport,
                   "memory, sqlite, redis, rabbitmq (a broker is started), or an address")
      ->required();
  prove_->add_option("--kill", proof_.kills, "How many kills; fewer than 20 may miss what is wrong")
      ->capture_default_str()
      ->check(CLI::Range(0, 10'000));
  prove_->add_option("--data", proof_.folder,
                     "An empty or new folder for what they do, which stays; without it one that is removed");
  prove_->add_flag(
      "--acknowledge-first", proof_.hasty,
      "Let consumers acknowledge before they work, as they must not: the proof has to fail, with 20 kills and more");
  prove_->add_flag(
      "--by-arrival", proof_.by_arrival,
      "Let consumers go by the order in which messages come, not by their numbers: on RabbitMQ the proof has "
      "to fail");
  part_ = queue.add_subcommand("prove-part", "A process of prove")->group("");
  part_->add_option("--role", proof_part_.role)
      ->required()
      ->check(CLI::IsMember({"producer", "consumer", "hasty", "by-arrival"}));
  part_->add_option("--part", proof_part_.part)->required();
  part_->add_option("--run", proof_part_.run)->required();
  part_->add_option("--transport", proof_part_.address)->required();
  part_->add_option("--folder", proof_part_.folder)->required();
}

// Nothing is dropped that was not asked for.
void QueueCommands::CheckPurge() const {
  const bool selects = !ids_.empty() || !reason_.empty() || most_ != 0;
  if (waiting_ && (selects || !all_)) {
    throw CLI::ValidationError("what waits is dropped all of it: --waiting goes with --all, and with no selection");
  }
  if (all_ && selects) throw CLI::ValidationError("--all goes with none of --id, --reason and --limit");
  if (!all_ && !selects) {
    throw CLI::ValidationError("name what to drop by --id, --reason or --limit, or say --all");
  }
}

Status QueueCommands::Prove() const {
  const auto report = app::Prove(proof_, [](const std::string& line) { std::cerr << line << '\n'; });
  if (!report) return std::unexpected(report.error());
  std::cout << "accepted " << report->accepted << "\nkills " << report->kills << ", of the broker "
            << report->broker_kills << "\nstops in good order " << report->stops << "\nrepeated deliveries "
            << report->repeats << "\nlost " << report->lost << "\nduplicated effects " << report->duplicated
            << "\nreordered by key " << report->reordered << '\n';
  if (!report->right())
    return Fail(ErrorCode::kInternal, "the proof failed: see what was lost, done twice or out of order");
  return {};
}

json::object QueueCommands::Selected(const char* what) const {
  json::object request{{"do", what}, {"queue", queue_}};
  if (!ids_.empty()) request["ids"] = json::array(ids_.begin(), ids_.end());
  if (!reason_.empty()) request["reason"] = reason_;
  if (most_ != 0) request["most"] = most_;
  if (waiting_) request["waiting"] = true;
  return request;
}

Result<json::object> QueueCommands::EditRequest() const {
  json::object request{{"do", "edit"}, {"queue", queue_}, {"id", id_}};
  if (edit_->count("--body") > 0 && edit_->count("--body-file") > 0) {
    return Fail(ErrorCode::kInvalid, "give one of --body and --body-file");
  }
  std::optional<std::string> body;
  if (edit_->count("--body") > 0) body = body_;
  if (!body_file_.empty()) {
    std::ifstream file;
    if (body_file_ != "-") file.open(body_file_, std::ios::binary);
    std::istream& in = body_file_ == "-" ? std::cin : file;
    std::ostringstream read;
    // Nothing at all is read as a failure, too.
    const bool fits = in && (in.peek() == std::istream::traits_type::eof() ? !in.bad() : bool(read << in.rdbuf()));
    if (!fits) return Fail(ErrorCode::kNotFound, "the file " + body_file_ + " cannot be read");
    body = std::move(read).str();
  }
  if (body && IsUtf8(*body)) request["body"] = *body;
  if (body && !IsUtf8(*body)) request["body64"] = Base64Encode(*body);
  if (edit_->count("--type") > 0) request["type"] = type_;
  if (edit_->count("--key") > 0) request["key"] = key_;
  json::object set;
  for (const std::string& header : set_) {
    const std::size_t sign = header.find('=');
    if (sign == std::string::npos || sign == 0)
      return Fail(ErrorCode::kInvalid, "--set takes NAME=VALUE, not '" + header + "'");
    set[header.substr(0, sign)] = header.substr(sign + 1);
  }
  if (!set.empty()) request["set"] = std::move(set);
  if (!remove_.empty()) request["remove"] = json::array(remove_.begin(), remove_.end());
  return request;
}

Result<json::object> QueueCommands::Request() const {
  if (*list_) {
    json::object request{{"do", "list"}};
    if (!queues_.empty()) request["queues"] = json::array(queues_.begin(), queues_.end());
    return request;
  }
  if (*peek_) {
    json::object request = Selected("peek");
    if (most_ == 0) request["most"] = kPeeked;
    return request;
  }
  if (*edit_) return EditRequest();
  if (*purge_) return Selected("purge");
  json::object request = Selected("replay");
  if (!to_.empty()) request["to"] = to_;
  request["perSecond"] = rate_;
  if (dry_run_) request["dryRun"] = true;
  return request;
}

std::optional<Status> QueueCommands::Run(const app::Config& config) {
  if (*prove_) return Prove();
  if (*part_) return app::RunProvePart(proof_part_);
  if (*bridge_) return app::RunBridge(config, bridge_order_, std::cout);
  const std::array commands = {list_, peek_, edit_, replay_, purge_};
  const auto called = std::ranges::find_if(commands, [](const CLI::App* command) { return bool(*command); });
  if (called == commands.end()) return std::nullopt;
  // Who names a store means that.
  if ((*called)->count("--data") == 0) TakeVariable(transport_, kTransportVariable);
  auto request = Request();
  if (!request) return std::unexpected(request.error());
  return app::AskQueues(config, {std::move(*request), transport_, json_}, std::cout);
}

}  // namespace tidings
