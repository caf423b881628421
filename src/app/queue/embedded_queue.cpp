#include <tidings/app/embedded_queue.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

#include <tidings/app/queue_message.hpp>
#include <tidings/base/guarded.hpp>
#include <tidings/base/log.hpp>
#include <tidings/messaging/rabbitmq/amqp_server.hpp>
#include <tidings/messaging/signal.hpp>

#include "live_bridge.hpp"

namespace tidings::app {

using messaging::Task;

namespace {

constexpr std::chrono::milliseconds kPauseAfterFailure{1'000};
constexpr std::chrono::milliseconds kLookEvery{1'000};  // how deep the queues are

// The exchange and the queue of the contract.
messaging::Topology ChatTopology() {
  messaging::QueueOptions queue;
  queue.dead_letters = false;
  queue.delivery_limit = 0;
  messaging::Topology topology;
  topology.AddExchange(std::string(kEventsExchange), messaging::ExchangeKind::kTopic)
      .AddQueue(std::string(kMessagesQueue), queue)
      .Bind(std::string(kEventsExchange), std::string(kMessagesQueue), std::string(kMessageCreated));
  return topology;
}

// What comes out of the log was published by the relay, wherever there is one.
messaging::PublishedAt RelayPlace(const messaging::Message& message, std::string_view queue) {
  const bool event = message.headers.Has(kSeqHeader) && !messaging::OriginOfDeadLetters(queue);
  return event ? messaging::PublishedAt(std::string(kEventsExchange), message.type)
               : messaging::PublishedAt("", std::string(queue));
}

}  // namespace

class EmbeddedQueue::State {
 public:
  State(eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine, LogBrokerOptions options)
      : store_(store),
        timers_(context_.get_executor()),
        broker_(context_.get_executor(), timers_, ledger_, LogSources(store, reads, engine), std::move(options)),
        bridge_(context_.get_executor(), broker_, timers_, ledger_, LogSources(store, reads, engine)),
        opened_(context_.get_executor()),
        stop_(context_.get_executor()) {}
  ~State() { Stop(std::chrono::seconds(5)); }

  void Add(std::unique_ptr<QueueResident> resident) {
    guests_.push_back(std::make_unique<Guest>());
    guests_.back()->resident = std::move(resident);
  }
  Status Listen(const AmqpDoor& door);
  const messaging::AmqpServer* door() const { return door_.get(); }
  void Start();
  void AwaitStarts(std::chrono::milliseconds within);
  void Stop(std::chrono::milliseconds within);
  bool Run(Work work);
  Task<Status> Save() { return broker_.Save(); }
  bool MoveTo(std::string to, Moved done);
  messaging::LossLedger& ledger() { return ledger_; }
  std::vector<LogQueueDepth> Depths() const { return *depths_.Lock(); }

 private:
  class Guest {
   public:
    std::unique_ptr<QueueResident> resident;
    std::unique_ptr<LogTransport> transport;
    bool tried = false;
  };

  Task<void> Open();
  Task<void> Settle(Guest& guest);
  Task<void> Look();
  Task<void> Serve(Work work);
  Task<void> Close(std::chrono::milliseconds within);
  void Tried();
  void Ended();

  eventing::EventStore& store_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  messaging::SystemTimers timers_;
  messaging::LossLedger ledger_;
  LogBroker broker_;
  LiveBridge bridge_;
  std::unique_ptr<messaging::AmqpServer> door_;
  messaging::Signal opened_;
  messaging::Signal stop_;
  bool open_ = false;
  bool stopping_ = false;
  mutable Guarded<std::vector<LogQueueDepth>> depths_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::unique_ptr<eventing::EventStore::Subscription> subscription_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t tried_ = 0;  // guests whose first start has come to its end
  bool ended_ = false;
  std::thread thread_;
};

Status EmbeddedQueue::State::Listen(const AmqpDoor& door) {
  messaging::AmqpServerOptions options;
  options.address = door.address;
  options.port = door.port;
  options.password = door.password;
  options.version = door.version;
  options.numbers.emplace_back(kSeqHeader);
  options.has_exchange = [this](std::string_view name) { return broker_.HasExchange(name); };
  options.queue_options = [this](std::string_view queue) { return broker_.OptionsOf(queue); };
  // Made anew by a client it would be bound to nothing.
  options.keeps = [](std::string_view queue) { return queue == kMessagesQueue; };
  options.published_at = RelayPlace;
  door_ = std::make_unique<messaging::AmqpServer>(
      context_.get_executor(), timers_, [this] { return std::make_unique<LogTransport>(broker_); }, std::move(options));
  return door_->Listen();
}

void EmbeddedQueue::State::Start() {
  boost::asio::co_spawn(context_, Open(), [](const std::exception_ptr& failure) {
    if (failure) log::Err("queue_ended", {{"reason", "an exception; restart the server"}});
  });
  subscription_ = store_.Subscribe([this](eventing::Position) { broker_.Wake(); });
  thread_ = std::thread([this] {
    context_.run();
    Ended();
  });
  pthread_setname_np(thread_.native_handle(), "tidings-queue");
}

Task<void> EmbeddedQueue::State::Open() {
  while (!stopping_) {
    Status opened = co_await broker_.Open();
    if (opened) break;
    log::Warning("queue_waits", {{"doing", "reading its rows"}, {"reason", opened.error().message()}});
    co_await stop_.WaitFor(timers_, kPauseAfterFailure);
  }
  LogTransport transport(broker_, QueueStart::kBeginning);
  while (!stopping_) {
    Status declared = co_await transport.Declare(ChatTopology());
    if (declared) break;
    log::Warning("queue_waits", {{"doing", "declaring its exchange"}, {"reason", declared.error().message()}});
    co_await stop_.WaitFor(timers_, kPauseAfterFailure);
  }
  open_ = true;
  opened_.NotifyAll();
  if (door_ && !stopping_) door_->Start();
  for (const auto& guest : guests_) {
    boost::asio::co_spawn(
        context_, Settle(*guest), [name = guest->resident->name()](const std::exception_ptr& failure) {
          if (failure) log::Err("worker_ended", {{"worker", name}, {"reason", "an exception; restart the server"}});
        });
  }
  co_await Look();
}

Task<void> EmbeddedQueue::State::Look() {
  while (!stopping_) {
    *depths_.Lock() = broker_.Depths();
    co_await stop_.WaitFor(timers_, kLookEvery);
  }
}

Task<void> EmbeddedQueue::State::Settle(Guest& guest) {
  const std::string name = guest.resident->name();
  guest.transport = std::make_unique<LogTransport>(broker_, guest.resident->start());
  while (!stopping_) {
    Status started = co_await guest.resident->Start(*guest.transport, timers_);
    if (!std::exchange(guest.tried, true)) Tried();
    if (started) {
      log::Info("worker_started", {{"worker", name}});
      co_return;
    }
    if (started.error().code() == ErrorCode::kInvalid) {
      log::Err("worker_refused", {{"worker", name}, {"reason", started.error().message()}});
      co_return;
    }
    log::Warning("worker_waits", {{"worker", name}, {"reason", started.error().message()}});
    co_await stop_.WaitFor(timers_, kPauseAfterFailure);
  }
}

bool EmbeddedQueue::State::Run(Work work) {
  const std::scoped_lock lock(mutex_);
  if (ended_ || !thread_.joinable()) return false;
  boost::asio::post(context_, [this, work = std::move(work)]() mutable {
    boost::asio::co_spawn(context_, Serve(std::move(work)), [](const std::exception_ptr& failure) {
      if (failure) log::Err("queue_command_failed", {{"reason", "an exception"}});
    });
  });
  return true;
}

bool EmbeddedQueue::State::MoveTo(std::string to, Moved done) {
  return Run(
      [this, to = std::move(to), done = std::move(done)](messaging::Transport&, messaging::Timers&) -> Task<void> {
        const auto piece = co_await bridge_.Move(to);
        done(piece);
      });
}

Task<void> EmbeddedQueue::State::Serve(Work work) {
  while (!open_ && !stopping_) co_await opened_.Wait();
  LogTransport transport(broker_);
  co_await work(transport, timers_);
}

void EmbeddedQueue::State::Stop(std::chrono::milliseconds within) {
  if (!thread_.joinable()) return;
  subscription_.reset();
  boost::asio::post(context_, [this, within] {
    // Then nothing is left to do, and the thread ends.
    boost::asio::co_spawn(context_, Close(within * 3 / 4), [this](const std::exception_ptr&) { work_.reset(); });
  });
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, within, [&] { return ended_; });
    ended_ = true;
  }
  context_.stop();
  thread_.join();
}

Task<void> EmbeddedQueue::State::Close(std::chrono::milliseconds within) {
  stopping_ = true;
  opened_.NotifyAll();
  stop_.NotifyAll();
  co_await bridge_.Stop(within / 2);
  if (door_) co_await door_->Stop(within / 4);
  for (const auto& guest : guests_) {
    if (guest->transport) co_await guest->resident->Stop(within);
  }
  Status closed = co_await broker_.Close();
  if (!closed) log::Warning("queues_not_saved", {{"reason", closed.error().message()}});
}

void EmbeddedQueue::State::AwaitStarts(std::chrono::milliseconds within) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, within, [&] { return ended_ || tried_ == guests_.size(); });
}

void EmbeddedQueue::State::Tried() {
  {
    const std::scoped_lock lock(mutex_);
    ++tried_;
  }
  changed_.notify_all();
}

void EmbeddedQueue::State::Ended() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

EmbeddedQueue::EmbeddedQueue(eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine,
                             LogBrokerOptions options)
    : state_(std::make_unique<State>(store, reads, engine, std::move(options))) {}
EmbeddedQueue::~EmbeddedQueue() = default;
void EmbeddedQueue::Add(std::unique_ptr<QueueResident> resident) { state_->Add(std::move(resident)); }
Status EmbeddedQueue::Listen(const AmqpDoor& door) { return state_->Listen(door); }
std::uint16_t EmbeddedQueue::amqp_port() const { return state_->door() != nullptr ? state_->door()->port() : 0; }
std::optional<std::size_t> EmbeddedQueue::amqp_clients() const {
  return state_->door() != nullptr ? std::optional(state_->door()->connections()) : std::nullopt;
}
void EmbeddedQueue::Start() { state_->Start(); }
void EmbeddedQueue::AwaitStarts(std::chrono::milliseconds within) { state_->AwaitStarts(within); }
void EmbeddedQueue::Stop(std::chrono::milliseconds within) { state_->Stop(within); }
bool EmbeddedQueue::Run(Work work) { return state_->Run(std::move(work)); }
Task<Status> EmbeddedQueue::Save() { return state_->Save(); }
bool EmbeddedQueue::MoveTo(std::string to, Moved done) { return state_->MoveTo(std::move(to), std::move(done)); }
messaging::LossLedger& EmbeddedQueue::ledger() { return state_->ledger(); }
std::vector<LogQueueDepth> EmbeddedQueue::Depths() const { return state_->Depths(); }

}  // namespace tidings::app
