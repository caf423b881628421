#include <tidings/app/server.hpp>

#include <sys/resource.h>

#include <csignal>
#include <deque>
#include <filesystem>
#include <set>
#include <tuple>

#include <tidings/app/copies.hpp>
#include <tidings/app/embedded_queue.hpp>
#include <tidings/app/queue_relay.hpp>
#include <tidings/app/web.hpp>
#include <tidings/auth/secret_file.hpp>
#include <tidings/base/log.hpp>
#include <tidings/net/chat/http_api.hpp>
#include <tidings/net/chat/socket_api.hpp>
#include <tidings/net/http_server.hpp>
#include <tidings/net/signals.hpp>
#include <tidings/net/ticker.hpp>
#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

#include "analytics_api.hpp"
#include "control.hpp"
#include "live_relay.hpp"
#include "metrics.hpp"
#include "operations.hpp"
#include "resident_worker.hpp"
#include "settings.hpp"
#include "turn_store.hpp"
#include "webhook_api.hpp"

namespace tidings::app {

namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::seconds kReload{5};
constexpr std::chrono::minutes kCopyIsLost{1};  // if nobody has held it for so long

// Sockets are file descriptors: as many as the machine allows.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::Warning("file_limit_not_raised");
}

// Settings that this version knows and cannot fulfil are refused, not ignored.
Status CheckPossible(const Config& config) {
  const auto refuse = [](std::string_view setting, std::string_view why) {
    return Fail(ErrorCode::kInvalid, std::string(setting) + ": " + std::string(why));
  };
  if (config.io_threads > 1) return refuse("io_threads", "this version serves on one I/O thread; leave it at 1");
  if (!config.store.empty()) return refuse("store", "this version has the embedded store only; leave it empty");
  if (!config.workers.inside.empty() && !config.amqp.url.empty()) {
    return refuse("workers.inside",
                  "with --amqp workers are processes of their own, `tidings worker NAME`; leave it empty");
  }
  if (config.queue.listen && !config.amqp.url.empty()) {
    return refuse("queue.listen", "with --amqp the queues are the broker's: take from there, and leave it empty");
  }
  if (config.queue.listen && config.queue.password.empty()) {
    return refuse("queue.password", "needed where queue.listen is set: who may log in as `tidings`");
  }
  if (!config.redis.url.empty()) return refuse("redis.url", "this version runs on one node; leave it empty");
  return {};
}

// All addresses are those of IPv4: a queue is an inner matter, and an address may be named.
std::string AddressOf(const std::string& host) {
  if (host.empty() || host == "*") return "0.0.0.0";
  return host == "localhost" ? "127.0.0.1" : host;
}

}  // namespace

Status MakeDataFolder(const std::string& data) {
  std::error_code error;
  if (std::filesystem::is_directory(data, error)) return {};
  std::filesystem::create_directories(data, error);
  if (!error) std::filesystem::permissions(data, std::filesystem::perms::owner_all, error);
  if (error) return Fail(ErrorCode::kInvalid, "the data folder " + data + " cannot be made: " + error.message());
  return {};
}

Result<std::string> DataSecret(const std::string& data) {
  if (Status made = MakeDataFolder(data); !made) return std::unexpected(made.error());
  return auth::ReadOrCreateSecret(std::filesystem::path(data) / "token.secret");
}

class Server::State {
 public:
  explicit State(const Config& given)
      : config(given), loop(clock), http_options(HttpOptionsOf(given)), http(loop, http_options) {}
  ~State() {
    queue_relay.reset();
    embedded_queue.reset();
    if (turn_store) turn_store->Finish();
    if (store) store->Close();  // nobody calls back any more
  }

  Status Open();
  Status Listen();
  void Route();
  void Stop();
  // Certificates and keys whose files have changed.
  void Reload(bool asked);
  // Of commands that were killed.
  void RemoveLost();
  realtime::HttpAnswer Ready() const;

  Config config;
  SystemClock clock;
  net::ChatStats chat_stats;
  net::EventLoop loop;
  std::unique_ptr<auth::KeySet> keys;
  std::unique_ptr<LiveRelay> relay;
  std::unique_ptr<sqlite::SqliteEventStore> store;
  std::unique_ptr<TurnStore> turn_store;
  std::unique_ptr<chat::Engine> engine;
  std::unique_ptr<sqlite::SqliteReadPool> reads;
  std::unique_ptr<net::ChatServices> services;
  std::unique_ptr<net::Gate> gate;
  std::unique_ptr<net::Hub> hub;
  std::unique_ptr<realtime::SocketServer> sockets;
  std::unique_ptr<net::SocketApi> socket_api;
  std::unique_ptr<net::HttpApi> http_api;
  std::unique_ptr<WebhookApi> webhook_api;
  std::deque<SimpleHandler> simple;
  WebHandler web;
  std::unique_ptr<MetricsHandler> metrics;
  net::HttpServerOptions http_options;
  net::HttpServer http;                           // its connections end before what they call
  std::unique_ptr<net::HttpServer> metrics_http;  // null: metrics are served by `http`
  std::unique_ptr<QueueRelay> queue_relay;        // null: the queues are embedded
  std::unique_ptr<EmbeddedQueue> embedded_queue;  // null: they are RabbitMQ's
  std::unique_ptr<Control> control;
  std::vector<std::string> addresses;
  std::vector<std::filesystem::file_time_type> certificate_times;
  bool stopping = false;
};

Status Server::State::Open() {
  if (Status made = MakeDataFolder(config.data); !made) return made;
  sqlite::SqliteEventStore::Options options;
  options.folder = config.data;
  options.parts.push_back(sqlite::ChatSchema());
  options.clock = &clock;
  auto opened = sqlite::SqliteEventStore::Open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  store = std::move(*opened);
  // A folder that is refused gets no secret.
  auto secret = DataSecret(config.data);
  if (!secret) return std::unexpected(secret.error());
  auto made = auth::KeySet::Make({config.auth.jwt_secret, config.auth.jwks_file, *secret});
  if (!made) return std::unexpected(made.error());
  keys = std::move(*made);
  RemoveLostCopies(config.data, std::chrono::seconds(0));
  const net::ChatSettings settings = ChatSettingsOf(config);
  relay = std::make_unique<LiveRelay>(loop, [this](const chat::LiveBatch& batch) {
    for (const chat::UserKey user : batch.suspended) gate->Forget(user);
    realtime::EngineServer::Batch gathered(sockets->engine());
    hub->OnCommit(batch);
  });
  turn_store = std::make_unique<TurnStore>(loop, *store);
  engine = std::make_unique<chat::Engine>(
      *turn_store,
      [](eventing::Transaction& transaction) -> chat::Tables& {
        return sqlite::SqliteTransaction::Of(transaction).database().Slot<sqlite::SqliteTables>();
      },
      settings.limits, relay.get());
  store->AddListener(*relay);
  store->AddListener(engine->listener());
  reads = std::make_unique<sqlite::SqliteReadPool>(store->readers());
  if (!config.amqp.url.empty()) {
    const bool quorum = config.amqp.queue_type == QueueType::kQuorum;
    auto made_relay = QueueRelay::Make({config.amqp.url, quorum}, *store, *reads, *engine);
    if (!made_relay) return std::unexpected(made_relay.error().Within("amqp.url"));
    queue_relay = std::move(*made_relay);
  } else {
    embedded_queue = std::make_unique<EmbeddedQueue>(*store, *reads, *engine);
    for (const std::string& name : std::set(config.workers.inside.begin(), config.workers.inside.end())) {
      auto worker = Worker::Make(name, config);
      if (!worker) return std::unexpected(worker.error().Within("workers.inside"));
      embedded_queue->Add(std::make_unique<ResidentWorker>(std::move(*worker)));
    }
  }
  services =
      std::make_unique<net::ChatServices>(net::ChatServices{loop, clock, *engine, *reads, *keys, settings, chat_stats});
  gate = std::make_unique<net::Gate>(*services);
  hub = std::make_unique<net::Hub>(*services);
  sockets = std::make_unique<realtime::SocketServer>(SocketOptionsOf(config), clock);
  socket_api = std::make_unique<net::SocketApi>(*services, *gate, *hub, *sockets);
  http_api = std::make_unique<net::HttpApi>(*services, *gate);
  http_api->set_max_body(config.limits.body);
  webhook_api = std::make_unique<WebhookApi>(config, *services);
  webhook_api->AddTo(*http_api);
  AddAnalyticsCall(*http_api, *services, config.data);
  control = std::make_unique<Control>(Control::Services{loop, clock, *keys, *engine, *reads, *store,
                                                        [this](chat::UserKey user) { return hub->Online(user); },
                                                        embedded_queue.get()});
  return {};
}

realtime::HttpAnswer Server::State::Ready() const {
  const auto answer = [](int status, std::string_view word, std::string_view reason) {
    std::string body;
    json::ObjectWriter writer(body);
    writer.Text("status", word);
    if (!reason.empty()) writer.Text("reason", reason);
    writer.End();
    return realtime::HttpAnswer(status, "application/json; charset=utf-8", body + "\n");
  };
  if (stopping) return answer(503, "stopping", "the server is shutting down");
  if (const Status healthy = store->Healthy(); !healthy) return answer(503, "unready", healthy.error().message());
  return answer(200, "ready", "");
}

void Server::State::Route() {
  http.Route("/socket.io/", *sockets);
  http.Route("/api/v1", *http_api);
  http.Route("/rooms", *http_api);
  http.Route("/", web);  // its exact paths; 404 for what nothing else takes
  http.Route("/healthz", simple.emplace_back([](const realtime::HttpRequest&) {
    return realtime::HttpAnswer(200, "text/plain; charset=utf-8", "ok\n");
  }));
  http.Route("/readyz", simple.emplace_back([this](const realtime::HttpRequest&) { return Ready(); }));
  const auto ask_workers = [this](MetricsHandler::WorkersAnswer answer) {
    net::ReadThen<std::vector<WorkerCounts>>(
        *services, [data = config.data](chat::Reader&) { return CountWorkers(data); },
        [answer = std::move(answer)](Result<std::vector<WorkerCounts>> workers) mutable {
          answer(workers.value_or(std::vector<WorkerCounts>()));
        });
  };
  metrics = std::make_unique<MetricsHandler>(
      MetricsSources{http.stats(), chat_stats, *store, *engine, queue_relay.get(), embedded_queue.get(), clock},
      ask_workers, config.metrics.token);
  if (config.metrics.listen)
    metrics_http = std::make_unique<net::HttpServer>(loop, net::HttpServerOptions{.io_uring = false});
  (metrics_http ? *metrics_http : http).Route("/metrics", *metrics);
}

Status Server::State::Listen() {
  for (const Endpoint& endpoint : config.listen) {
    net::ListenOptions options;
    options.host = endpoint.host;
    options.port = endpoint.port;
    options.proxy_protocol = config.proxy_protocol;
    options.tls = {config.tls.certificate, config.tls.key};
    const auto port = http.Listen(options);
    if (!port) return std::unexpected(port.error());
    const std::string host = endpoint.host.empty() || endpoint.host == "*" ? "127.0.0.1" : endpoint.host;
    addresses.push_back((options.tls.empty() ? "http://" : "https://") + FormatEndpoint({host, *port}));
  }
  if (metrics_http) {
    const Endpoint& endpoint = *config.metrics.listen;
    const auto port = metrics_http->Listen({.host = endpoint.host, .port = endpoint.port});
    if (!port) return std::unexpected(port.error());
    log::Info("metrics", {{"address", "http://" + FormatEndpoint({endpoint.host, *port}) + "/metrics"}});
  }
  if (config.queue.listen) {
    AmqpDoor door;
    door.address = AddressOf(config.queue.listen->host);
    door.port = config.queue.listen->port;
    door.password = config.queue.password;
    door.version = TIDINGS_VERSION;
    if (Status listening = embedded_queue->Listen(door); !listening) {
      return std::unexpected(listening.error().Within("queue.listen"));
    }
    const Endpoint at{door.address, embedded_queue->amqp_port()};
    log::Info("amqp", {{"address", "amqp://tidings@" + FormatEndpoint(at)}});
  }
  return control->Open(config.data);
}

void Server::State::Stop() {
  if (std::exchange(stopping, true)) return;
  log::Info("stopping");
  control->Close();
  sockets->RefuseHandshakes(true);
  sockets->CloseAll();
  // Requests in flight are answered after their commit; then the store closes, with all that it was handed.
  const auto within =
      std::max(config.shutdown_timeout - std::chrono::milliseconds(2'000), std::chrono::milliseconds(500));
  http.Stop(within, [this] { loop.Stop(); });
}

void Server::State::Reload(bool asked) {
  const auto keys_changed = keys->Reload();
  if (!keys_changed) log::Err("keys_not_reloaded", {{"reason", keys_changed.error().message()}});
  std::vector<std::filesystem::file_time_type> times;
  for (const std::string& file : {config.tls.certificate, config.tls.key}) {
    std::error_code error;
    if (!file.empty()) times.push_back(std::filesystem::last_write_time(file, error));
  }
  if (times.empty() || (!asked && times == certificate_times)) return;
  const bool first = certificate_times.empty();
  certificate_times = std::move(times);
  if (first && !asked) return;
  const Status reloaded = http.ReloadCertificates();
  if (reloaded) {
    log::Info("certificates_reloaded");
  } else {
    log::Err("certificates_not_reloaded", {{"reason", reloaded.error().message()}});
  }
}

void Server::State::RemoveLost() {
  // On a thread that may wait for the disk.
  const auto remove = [data = config.data](chat::Reader&) { RemoveLostCopies(data, kCopyIsLost); };
  std::ignore = reads->Read(remove, [](const Error&) {});
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Open(const Config& config) {
  if (auto possible = CheckPossible(config); !possible) return std::unexpected(possible.error());
  log::SetLevel(config.log.level);
  RaiseFileLimit();
  // Before any thread is started, so that all of them leave these signals to the loop.
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signal);
  pthread_sigmask(SIG_BLOCK, &handled, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  auto state = std::make_unique<State>(config);
  if (auto opened = state->Open(); !opened) return std::unexpected(opened.error());
  state->Route();
  if (auto listening = state->Listen(); !listening) return std::unexpected(listening.error());
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::vector<std::string> Server::Addresses() const { return state_->addresses; }

void Server::Run() {
  State& state = *state_;
  const net::SignalWatch signals(state.loop, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (signal != SIGHUP) return state.Stop();
    state.Reload(true);
  });
  const net::Ticker ticker(state.loop, *state.sockets);
  state.loop.RunEvery(kTick, [&] { state.socket_api->OnTick(); });
  state.Reload(false);
  state.loop.RunEvery(kReload, [&] {
    state.Reload(false);
    state.RemoveLost();
  });
  state.store->Start();
  if (state.queue_relay) state.queue_relay->Start();
  if (state.embedded_queue) {
    state.embedded_queue->Start();
    state.embedded_queue->AwaitStarts();
  }
  for (const std::string& address : state.addresses) {
    log::Info("listening", {{"address", address}, {"data", state.config.data}});
  }
  state.loop.Run();
  if (state.queue_relay) state.queue_relay->Stop();
  if (state.embedded_queue) state.embedded_queue->Stop();
  state.turn_store->Finish();
  state.store->Close();
  log::Info("stopped");
}

}  // namespace tidings::app
