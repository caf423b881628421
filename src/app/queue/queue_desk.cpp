#include <tidings/app/queue_desk.hpp>

#include <algorithm>
#include <optional>
#include <ranges>

#include <tidings/base/bytes.hpp>
#include <tidings/messaging/dead_letters.hpp>

namespace tidings::app {
namespace {

using messaging::DeadLetters;
using messaging::Message;
using messaging::Selection;
using messaging::Task;
using Lines = std::vector<std::string>;

constexpr std::size_t kMostListed = 1'000;

std::unexpected<Error> Missing(const std::string& what) {
  return Fail(ErrorCode::kNotFound, "there is no queue " + what + "; `tidings queue list` shows what there is");
}

std::string Line(const json::object& object) { return json::serialize(object); }

// Bytes as a text, or marked as base64 where they are none.
void PutBytes(json::object& object, std::string_view name, const std::string& bytes) {
  if (IsUtf8(bytes)) {
    object[name] = bytes;
  } else {
    object[std::string(name) + "64"] = Base64Encode(bytes);
  }
}

std::string MessageLine(const Message& message) {
  json::object headers;
  for (const auto& [name, value] : message.headers) PutBytes(headers, name, value);
  json::object line{{"id", message.id}};
  PutBytes(line, "type", message.type);
  PutBytes(line, "key", message.key);
  line["headers"] = std::move(headers);
  PutBytes(line, "body", message.body);
  return Line(line);
}

// The queue that letters died in, also if their own is named.
Result<std::string> QueueOf(const json::object& request) {
  auto queue = json::RequiredText(request, "queue");
  if (!queue) return queue;
  return std::string(messaging::OriginOfDeadLetters(*queue).value_or(*queue));
}

Result<Selection> SelectionOf(const json::object& request) {
  Selection select;
  auto ids = request.contains("ids") ? json::TextList(request, "ids", kMostListed) : Lines();
  if (!ids) return std::unexpected(ids.error());
  select.ids = std::move(*ids);
  auto reason = json::OptionalText(request, "reason");
  if (!reason) return std::unexpected(reason.error());
  select.reason = reason->value_or("");
  const auto most = json::OptionalWhole(request, "most");
  if (!most) return std::unexpected(most.error());
  if (*most) select.most = static_cast<std::size_t>(**most);
  return select;
}

bool Flag(const json::object& request, std::string_view name) {
  const auto flag = json::OptionalBool(request, name);
  return flag && flag->value_or(false);
}

// What an edit changes.
class Change {
 public:
  static Result<Change> Of(const json::object& request) {
    Change change;
    for (auto [name, part] :
         {std::pair("body", &change.body_), std::pair("type", &change.type_), std::pair("key", &change.key_)}) {
      auto text = json::OptionalText(request, name);
      if (!text) return std::unexpected(text.error());
      *part = std::move(*text);
    }
    auto body64 = json::OptionalText(request, "body64");
    if (!body64) return std::unexpected(body64.error());
    if (*body64) change.body_ = Base64Decode(**body64);
    if (const auto* set = request.if_contains("set"); set != nullptr && set->is_object()) {
      for (const auto& [name, value] : set->get_object()) {
        if (!value.is_string()) return Fail(ErrorCode::kInvalid, "the value of a header is a text");
        change.set_.emplace_back(std::string(name), std::string(value.get_string()));
      }
    }
    auto remove = request.contains("remove") ? json::TextList(request, "remove", kMostListed) : Lines();
    if (!remove) return std::unexpected(remove.error());
    change.remove_ = std::move(*remove);
    return change;
  }

  bool empty() const { return !body_ && !type_ && !key_ && set_.empty() && remove_.empty(); }
  void Apply(Message& message) const {
    if (body_) message.body = *body_;
    if (type_) message.type = *type_;
    if (key_) message.key = *key_;
    for (const std::string& name : remove_) message.headers.Remove(name);
    for (const auto& [name, value] : set_) message.headers.Set(name, value);
  }

 private:
  std::optional<std::string> body_;
  std::optional<std::string> type_;
  std::optional<std::string> key_;
  std::vector<std::pair<std::string, std::string>> set_;
  Lines remove_;
};

}  // namespace

Task<Result<Lines>> QueueDesk::Do(json::object request) {
  const auto what = json::RequiredText(request, "do");
  if (!what) co_return std::unexpected(what.error());
  if (*what == "list") co_return co_await List(std::move(request));
  if (Status there = co_await Find(request); !there) co_return std::unexpected(there.error());
  if (*what == "peek") co_return co_await Peek(std::move(request));
  if (*what == "edit") co_return co_await Edit(std::move(request));
  if (*what == "replay") co_return co_await Replay(std::move(request));
  if (*what == "purge") co_return co_await Purge(std::move(request));
  co_return Fail(ErrorCode::kInvalid, "queues know no '" + *what + "'");
}

Task<Status> QueueDesk::Find(json::object request) {
  const auto queue = QueueOf(request);
  if (!queue) co_return std::unexpected(queue.error());
  const std::string looked_at = Flag(request, "waiting") ? *queue : messaging::DeadLetterQueue(*queue);
  const auto stats = co_await transport_.Stats(looked_at);
  if (stats || stats.error().code() != ErrorCode::kNotFound) co_return Status();
  co_return Missing(looked_at == *queue ? *queue : looked_at + ", so no dead letters of " + *queue);
}

Task<Result<Lines>> QueueDesk::List(json::object request) {
  auto names = request.contains("queues") ? json::TextList(request, "queues", kMostListed) : Lines();
  if (!names) co_return std::unexpected(names.error());
  const bool asked = !names->empty();
  if (!asked) {
    names = co_await transport_.Queues();
    if (!names) co_return std::unexpected(names.error());
    if (names->empty() && !transport_.capabilities().lists_queues) {
      co_return Fail(ErrorCode::kInvalid,
                     std::string(transport_.name()) + " does not tell its queues; name those that you want to see");
    }
    // A queue of dead letters is shown with the queue that they died in, unless that is gone.
    const Lines all = *names;
    std::erase_if(*names, [&](const std::string& name) {
      const auto origin = messaging::OriginOfDeadLetters(name);
      return origin && std::ranges::find(all, *origin) != all.end();
    });
  }
  Lines lines;
  for (const std::string& name : *names) {
    auto stats = co_await transport_.Stats(name);
    // Deleted meanwhile.
    if (!stats && stats.error().code() == ErrorCode::kNotFound && !asked) continue;
    if (!stats && stats.error().code() == ErrorCode::kNotFound) co_return Missing(name);
    if (!stats) co_return std::unexpected(stats.error());
    auto dead = co_await transport_.Stats(messaging::DeadLetterQueue(name));
    if (!dead && dead.error().code() != ErrorCode::kNotFound) co_return std::unexpected(dead.error());
    json::object line{{"queue", name},
                      {"ready", stats->ready},
                      {"unsettled", stats->unsettled},
                      {"delayed", stats->delayed},
                      {"consumers", stats->consumers}};
    line["oldestMs"] = stats->oldest ? json::value(stats->oldest->count()) : json::value();
    line["dead"] = dead ? json::value(dead->ready + dead->unsettled + dead->delayed) : json::value();
    lines.push_back(Line(line));
  }
  co_return lines;
}

Task<Result<Lines>> QueueDesk::Peek(json::object request) {
  const auto queue = QueueOf(request);
  if (!queue) co_return std::unexpected(queue.error());
  const auto select = SelectionOf(request);
  if (!select) co_return std::unexpected(select.error());
  if (Flag(request, "waiting")) co_return co_await PeekWaiting(*queue, select->most);
  DeadLetters dead(transport_, timers_, ledger_);
  const auto letters = co_await dead.Peek(*queue, *select);
  if (!letters) co_return std::unexpected(letters.error());
  Lines lines;
  for (const Message& letter : *letters) lines.push_back(MessageLine(letter));
  co_return lines;
}

// Taken for a moment, and given back in the order in which they lay.
Task<Result<Lines>> QueueDesk::PeekWaiting(std::string queue, std::size_t most) {
  Lines lines;
  std::vector<messaging::Delivery> taken;
  Status ended;
  while (lines.size() < most) {
    auto popped = co_await transport_.Pop(queue, std::chrono::milliseconds(0));
    if (!popped) ended = std::unexpected(popped.error());
    if (!popped || !*popped) break;
    lines.push_back(MessageLine((*popped)->message()));
    taken.push_back(std::move(**popped));
  }
  for (messaging::Delivery& delivery : std::views::reverse(taken)) {
    Status back = co_await delivery.Nack();
    if (!back && ended) ended = back;
  }
  if (!ended) co_return std::unexpected(ended.error());
  co_return lines;
}

Task<Result<Lines>> QueueDesk::Edit(json::object request) {
  const auto queue = QueueOf(request);
  if (!queue) co_return std::unexpected(queue.error());
  const auto id = json::RequiredText(request, "id");
  if (!id) co_return std::unexpected(id.error());
  const auto change = Change::Of(request);
  if (!change) co_return std::unexpected(change.error());
  if (change->empty()) {
    co_return Fail(ErrorCode::kInvalid,
                   "nothing is to be changed; give --body, --body-file, --type, --key, --set or --remove");
  }
  DeadLetters dead(transport_, timers_, ledger_);
  std::function<void(Message&)> apply = [&change](Message& message) { change->Apply(message); };
  Status edited = co_await dead.Edit(*queue, *id, std::move(apply));
  if (!edited) co_return std::unexpected(edited.error());
  co_return Lines{Line({{"edited", *id}})};
}

Task<Result<Lines>> QueueDesk::Replay(json::object request) {
  const auto queue = QueueOf(request);
  if (!queue) co_return std::unexpected(queue.error());
  const auto select = SelectionOf(request);
  if (!select) co_return std::unexpected(select.error());
  const auto to = json::OptionalText(request, "to");
  if (!to) co_return std::unexpected(to.error());
  messaging::ReplayOptions options;
  options.select = *select;
  options.to = to->value_or("");
  options.dry_run = Flag(request, "dryRun");
  if (const auto* rate = request.if_contains("perSecond"); rate != nullptr && rate->is_number()) {
    options.per_second = rate->to_number<double>();
  }
  DeadLetters dead(transport_, timers_, ledger_);
  const auto report = co_await dead.Replay(*queue, std::move(options));
  if (!report) co_return std::unexpected(report.error());
  co_return Lines{
      Line({{"lookedAt", report->looked_at}, {"selected", report->selected}, {"replayed", report->replayed}})};
}

Task<Result<Lines>> QueueDesk::Purge(json::object request) {
  const auto queue = QueueOf(request);
  if (!queue) co_return std::unexpected(queue.error());
  const auto select = SelectionOf(request);
  if (!select) co_return std::unexpected(select.error());
  Result<std::uint64_t> purged;
  if (Flag(request, "waiting")) {
    purged = co_await transport_.Purge(*queue);
  } else {
    DeadLetters dead(transport_, timers_, ledger_);
    purged = co_await dead.Purge(*queue, *select);
    if (purged && *purged == 0 && !select->ids.empty()) {
      co_return Fail(ErrorCode::kNotFound, "no dead letter of " + *queue + " has the id " + select->ids.front() +
                                               (select->ids.size() > 1 ? ", nor any other that was named" : ""));
    }
  }
  if (!purged) co_return std::unexpected(purged.error());
  co_return Lines{Line({{"purged", *purged}})};
}

}  // namespace tidings::app
