// The command line. Every command exits with 0, or prints one line that says what is wrong and what to do. Output that is
// not taken whole is wrong, too.
#include <CLI/CLI.hpp>

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>

#include <tidings/app/archive.hpp>
#include <tidings/app/commands.hpp>
#include <tidings/app/server.hpp>
#include <tidings/app/worker.hpp>
#include <tidings/auth/jwt.hpp>
#include <tidings/base/log.hpp>
#include <tidings/base/log_thread.hpp>

#include "output.hpp"
#include "queue_commands.hpp"

using namespace tidings;

namespace {

// What it says may quote strangers, and is one line all the same.
std::string LineOf(std::string message) {
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return "tidings: " + message;
}

int Complain(const std::string& message) {
  std::cerr << LineOf(message) << '\n';
  return 1;
}

int Complain(const Error& error) { return Complain(error.message()); }

// For what has a log::Thread: behind its lines, and never held up by who reads them.
int ComplainLast(const Error& error) {
  log::LastWords(LineOf(error.message()));
  return 1;
}

// The flags that are settings, as every command takes them.
class SettingFlags {
 public:
  void Add(CLI::App& command, const std::string& flag, const std::string& key, const std::string& help) {
    CLI::Option* option = command.add_option(flag, values_[key], help);
    // One value behind each flag: what follows is the command's own.
    if (flag != "--listen") option->expected(1);
    option->allow_extra_args(false);
    flags_[key] = flag;
  }
  void AddData(CLI::App& command) {
    command.add_option("--config", file_, "Config file (TOML); see docs/configuration.md");
    Add(command, "--data", "data", "Folder of the store (./data)");
  }
  // `failed_by_flags` tells whose fault an error is.
  Result<app::LoadedConfig> Load(bool& failed_by_flags) const {
    app::ConfigSources sources;
    sources.file = file_;
    sources.environment = app::ProcessEnvironment();
    for (const auto& [key, values] : values_) {
      if (!values.empty()) sources.overrides.push_back({key, values, flags_.at(key)});
    }
    auto loaded = app::LoadConfig(sources);
    // What makes no sense by itself is the command line's fault, not that of the file or the environment.
    if (!loaded) {
      app::ConfigSources alone;
      alone.overrides = std::move(sources.overrides);
      if (!app::LoadConfig(alone)) failed_by_flags = true;
    }
    if (loaded) {
      for (const std::string& warning : loaded->warnings) std::cerr << "tidings: " << warning << '\n';
    }
    return loaded;
  }

 private:
  std::string file_;
  std::map<std::string, std::vector<std::string>> values_;
  std::map<std::string, std::string> flags_;
};

int Serve(const app::Config& config) {
  const log::Thread log_thread;
  auto server = app::Server::Open(config);
  if (!server) return ComplainLast(server.error());
  for (const std::string& address : (*server)->Addresses()) std::cout << "tidings: listening at " << address << '\n';
  std::cout << std::flush;
  std::cout.clear();  // it serves as well if nobody wants to hear where
  (*server)->Run();
  return 0;
}

int PrintToken(const app::Config& config, auth::Grant grant, bool account) {
  std::error_code failure;
  const bool known = std::filesystem::exists(std::filesystem::path(config.data) / "token.secret", failure);
  auto secret = app::DataSecret(config.data);
  if (!secret) return Complain(secret.error());
  auto keys = auth::KeySet::Make({config.auth.jwt_secret, {}, *secret});
  if (!keys) return Complain(keys.error());
  const bool shared = !config.auth.jwt_secret.empty() && !account;
  if (shared) {
    grant.issuer = config.auth.issuer;
    grant.audience = config.auth.audience;
  }
  const auto token =
      (*keys)->Sign(grant, SystemClock().Now(), shared ? auth::Signer::kShared : auth::Signer::kInternal);
  if (!token) return Complain(token.error());
  if (!known && !shared) {
    std::cerr << "tidings: " << config.data
              << " had no secret and has one now; only a server on this folder takes the token\n";
  }
  std::cout << *token << '\n';
  return 0;
}

// From the terminal, unseen, or the first line of what is piped in.
std::string AskPassword() {
  const bool terminal = isatty(STDIN_FILENO) == 1;
  termios before{};
  if (terminal) {
    std::cerr << "Password: " << std::flush;
    tcgetattr(STDIN_FILENO, &before);
    termios unseen = before;
    unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
  }
  std::string password;
  std::getline(std::cin, password);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << '\n';
  }
  return password;
}

constexpr int kUsage = 2;

// One line, unlike CLI11's own, which leads to the help of the command that was meant.
int ComplainOfUsage(const CLI::App& cli, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return cli.exit(error);  // --help and --version
  const CLI::App* command = &cli;
  std::string help = "tidings";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    help += " " + command->get_name();
  }
  std::string message = error.what();
  std::ranges::replace(message, '\n', ' ');
  if (const auto unknown = cli.remaining(true); !unknown.empty()) {
    const bool option = unknown.front().starts_with("-");
    const bool takes_command = !command->get_subcommands([](const CLI::App*) { return true; }).empty();
    message = std::string("there is no ") +
              (option          ? "flag"
               : takes_command ? "command"
                               : "argument") +
              " '" + unknown.front() + "' here";
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    message = message.substr(0, message.find(':')) + " takes one value";
  } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && message.starts_with("A subcommand")) {
    message = "name a command";
  }
  std::cerr << "tidings: " << message << "; see " << help << " --help\n";
  return kUsage;
}

// The commands that work on a data folder.
class StoreCommands {
 public:
  StoreCommands(CLI::App& cli, SettingFlags& flags) {
    verify_ = Add(cli, flags, "verify", "Check the store: read everything, derive it again, compare");
    backup_ = Add(cli, flags, "backup", "Copy the store into a new folder, also while its server runs");
    backup_->add_option("DIR", place_, "The folder of the copy")->required();
    export_ = Add(cli, flags, "export", "Write the whole store as JSON Lines");
    export_->add_option("FILE", file_, "The file, or - for standard output")->capture_default_str();
    export_->add_flag("--force", force_, "Replace the file if it is there");
    import_ = Add(cli, flags, "import", "Read what export wrote into an empty store");
    import_->add_option("FILE", place_, "The file")->required();

    CLI::App* archive = cli.add_subcommand("archive", "What the archive worker keeps");
    archive->require_subcommand(1);
    cat_ = Add(*archive, flags, "cat", "Write the lines of all rooms, of one, or of a day");
    cat_->add_option("--room", room_, "Of this room alone");
    cat_->add_option("--day", day_, "Of this day alone, as 2026-11-26 (UTC)");
    check_ = Add(*archive, flags, "verify", "Read all files and compare them with their checksums and the index");

    CLI::App* user = cli.add_subcommand("user", "Users and accounts");
    user->require_subcommand(1);
    add_ = Add(*user, flags, "add", "Add a user by id, or with --username an account that logs in here");
    add_->add_option("ID", fresh_.id, "The id of an application's user");
    add_->add_option("--name", fresh_.name, "The name that others see");
    add_->add_option("--username", fresh_.username, "The name to log in with; the password is asked for");
    add_->add_option("--password", fresh_.password, "The account's password; better by TIDINGS_PASSWORD")
        ->envname("TIDINGS_PASSWORD");
    add_->callback([this] {
      if (fresh_.id.empty() && fresh_.username.empty()) throw CLI::RequiredError("ID or --username");
    });
    list_ = Add(*user, flags, "list", "List the users: id, name, what else there is to say");
    suspend_ = Add(*user, flags, "suspend", "End a user's sockets and tokens");
    suspend_->add_option("ID", fresh_.id, "The user's id")->required();
    suspend_->add_flag("--restore", restore_, "Give the rights back");
  }

  // Nothing if none of them was called.
  std::optional<Status> Run(const app::Config& config) {
    if (*verify_) return app::Verify(config, std::cout);
    if (*backup_) return app::Backup(config, place_, std::cout);
    if (*export_) return app::Export(config, file_, std::cout, force_);
    if (*import_) return app::Import(config, place_, std::cout);
    if (*cat_) return app::CatArchive(config, room_, day_, std::cout, std::cerr);
    if (*check_) return app::VerifyArchive(config, std::cout);
    if (*list_) return app::ListUsers(config, std::cout);
    if (*suspend_) return app::SuspendUser(config, fresh_.id, !restore_, std::cout);
    if (!*add_) return std::nullopt;
    if (!fresh_.username.empty() && fresh_.password.empty()) fresh_.password = AskPassword();
    return app::AddUser(config, fresh_, std::cout);
  }

 private:
  static CLI::App* Add(CLI::App& parent, SettingFlags& flags, const std::string& name, const std::string& help) {
    CLI::App* command = parent.add_subcommand(name, help);
    flags.AddData(*command);
    return command;
  }

  CLI::App* verify_;
  CLI::App* backup_;
  CLI::App* export_;
  CLI::App* import_;
  CLI::App* cat_;
  CLI::App* check_;
  CLI::App* add_;
  CLI::App* list_;
  CLI::App* suspend_;
  std::string place_;
  std::string room_;
  std::string day_;
  std::string file_ = "-";
  bool force_ = false;
  app::NewUser fresh_;
  bool restore_ = false;
};

int RunCommand(int argc, char** argv) {
  CLI::App cli("tidings: a chat messaging server that does not lose a message");
  cli.require_subcommand(1);
  cli.set_version_flag("--version", "tidings " TIDINGS_VERSION);
  SettingFlags flags;

  CLI::App* serve = cli.add_subcommand("serve", "Serve clients until SIGTERM");
  flags.AddData(*serve);
  flags.Add(*serve, "--listen", "listen", "HOST:PORT to listen at, several times for several (127.0.0.1:8080)");
  flags.Add(*serve, "--store", "store", "Not there yet, refused: this version has the embedded store in --data alone");
  flags.Add(*serve, "--amqp", "amqp.url", "RabbitMQ to publish to");
  flags.Add(*serve, "--redis", "redis.url", "Not there yet, refused: this version runs on one node");

  CLI::App* config = cli.add_subcommand("config", "Print the settings and where each comes from, secrets masked");
  flags.AddData(*config);
  flags.Add(*config, "--listen", "listen", "HOST:PORT to listen at");

  CLI::App* token = cli.add_subcommand("token", "Print a token for a user");
  flags.AddData(*token);
  auth::Grant grant;
  std::int64_t ttl = std::chrono::seconds(grant.ttl).count();
  token->add_option("SUB", grant.sub, "The user's id")->required();
  token->add_option("--name", grant.name, "The name that others see");
  token->add_flag("--admin", grant.admin, "With the scope admin");
  bool account = false;
  token->add_flag("--account", account, "The user is an account of this server: signed with its own key");
  token->add_option("--ttl", ttl, "Seconds that it is good for")->capture_default_str();

  CLI::App* worker = cli.add_subcommand("worker", "Work on the queue until SIGTERM, beside others of the same name");
  flags.AddData(*worker);
  flags.Add(*worker, "--amqp", "amqp.url", "RabbitMQ that the server publishes to");
  flags.Add(*worker, "--lanes", "workers.lanes", "Shares that the instances divide among themselves (4)");
  std::string worker_name;
  worker->add_option("NAME", worker_name, "What it does")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(app::WorkerNames().begin(), app::WorkerNames().end())));

  StoreCommands commands(cli, flags);
  QueueCommands queues(cli, [&](CLI::App& command) { flags.AddData(command); });

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ComplainOfUsage(cli, error);
  }
  bool failed_by_flags = false;
  const auto loaded = flags.Load(failed_by_flags);
  if (!loaded) {
    Complain(loaded.error());
    return failed_by_flags ? kUsage : 1;
  }
  if (*config) return (std::cout << app::DescribeConfig(*loaded), 0);
  if (*token) {
    grant.ttl = std::chrono::seconds(ttl);
    return PrintToken(loaded->config, grant, account);
  }
  if (*serve) return Serve(loaded->config);
  if (*worker) {
    if (loaded->config.amqp.url.empty()) {
      return ComplainOfUsage(cli, CLI::RequiredError("--amqp URL, the RabbitMQ that the server publishes to,"));
    }
    const log::Thread log_thread;
    const Status worked = app::RunWorker(worker_name, loaded->config, std::cout);
    std::cout.clear();  // as for serve
    return worked ? 0 : ComplainLast(worked.error());
  }
  log::SetLevel(log::Level::kOff);  // a command says what it has to say in one line
  try {
    auto done = commands.Run(loaded->config);
    if (!done) done = queues.Run(loaded->config);
    // Before the error, if there is one. What is not taken then is seen at the end.
    std::cout << std::flush;
    return *done ? 0 : Complain(done->error());
  } catch (const std::exception& failure) {
    return Complain(std::string(failure.what()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A file that may grow no further is a write that fails, and is told as any other.
  std::signal(SIGXFSZ, SIG_IGN);
  Output output;
  const int code = RunCommand(argc, argv);
  if (code != 0) return code;  // and said so
  const Status whole = output.Finish();
  return whole ? 0 : Complain(whole.error());
}
