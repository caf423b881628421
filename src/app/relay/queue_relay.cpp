#include <tidings/app/queue_relay.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

#include <tidings/base/log.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include <tidings/app/queue_message.hpp>
#include "relay.hpp"

namespace tidings::app {
namespace {

constexpr std::chrono::seconds kStopWithin{2};

}  // namespace

class QueueRelay::State {
 public:
  State(eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine)
      : store_(store), reads_(reads), engine_(engine), timers_(context_.get_executor()) {}
  ~State() { Stop(); }

  Status Open(const QueueRelayOptions& options);
  void Start();
  void Stop();
  QueueBacklog Backlog() const;
  const messaging::LossLedger& ledger() const { return ledger_; }

 private:
  void Loop();
  void Ended();

  eventing::EventStore& store_;
  chat::ReadPool& reads_;
  chat::Engine& engine_;
  boost::asio::io_context context_{1};
  messaging::SystemTimers timers_;
  messaging::LossLedger ledger_;
  std::unique_ptr<messaging::RabbitTransport> transport_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<eventing::EventStore::Subscription> subscription_;
  std::atomic<bool> woken_{false};
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;
  std::thread thread_;
};

Status QueueRelay::State::Open(const QueueRelayOptions& options) {
  messaging::RabbitOptions rabbit(options.url);
  rabbit.name = "tidings relay";
  rabbit.numbers.emplace_back(kSeqHeader);
  auto transport = messaging::RabbitTransport::Make(context_.get_executor(), timers_, ledger_, std::move(rabbit));
  if (!transport) return std::unexpected(transport.error());
  transport_ = std::move(*transport);
  Relay::Options relay;
  relay.quorum_queue = options.quorum_queue;
  relay_ = std::make_unique<Relay>(std::move(relay), *transport_, timers_, reads_, store_,
                                   [this](chat::Position position) { engine_.KeepCheckpoint("relay", position); });
  return {};
}

void QueueRelay::State::Start() {
  subscription_ = store_.Subscribe([this](eventing::Position) {
    // One wake-up is under way at most, however many commits there are.
    if (woken_.exchange(true)) return;
    boost::asio::post(context_, [this] {
      woken_ = false;
      relay_->Wake();
    });
  });
  thread_ = std::thread([this] { Loop(); });
  pthread_setname_np(thread_.native_handle(), "tidings-relay");
}

void QueueRelay::State::Loop() {
  boost::asio::co_spawn(
      context_, [this]() -> messaging::Task<void> { co_await relay_->Run(); },
      [this](const std::exception_ptr& failure) {
        if (failure) log::Err("relay_ended", {{"reason", "an exception; restart the server"}});
        Ended();
      });
  context_.run();
}

void QueueRelay::State::Ended() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  ended_changed_.notify_all();
}

void QueueRelay::State::Stop() {
  if (!thread_.joinable()) return;
  subscription_.reset();
  boost::asio::post(context_, [this] { relay_->Stop(); });
  {
    std::unique_lock lock(mutex_);
    ended_changed_.wait_for(lock, kStopWithin, [&] { return ended_; });
  }
  context_.stop();
  thread_.join();
}

QueueBacklog QueueRelay::State::Backlog() const {
  const RelayStats& stats = relay_->stats();
  QueueBacklog backlog;
  // Read first: the head only rises.
  const chat::Position position = stats.position;
  const chat::Position head = store_.Head();
  backlog.events = head > position ? head - position : 0;
  backlog.oldest_at = backlog.events == 0 ? 0 : stats.waiting_since.load();
  backlog.published = stats.published;
  backlog.failures = stats.failures;
  backlog.damaged = stats.damaged;
  backlog.stuck = stats.stuck;
  return backlog;
}

Result<std::unique_ptr<QueueRelay>> QueueRelay::Make(const QueueRelayOptions& options, eventing::EventStore& store,
                                                     chat::ReadPool& reads, chat::Engine& engine) {
  auto state = std::make_unique<State>(store, reads, engine);
  if (auto opened = state->Open(options); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<QueueRelay>(new QueueRelay(std::move(state)));
}

QueueRelay::QueueRelay(std::unique_ptr<State> state) : state_(std::move(state)) {}
QueueRelay::~QueueRelay() = default;
void QueueRelay::Start() { state_->Start(); }
void QueueRelay::Stop() { state_->Stop(); }
QueueBacklog QueueRelay::Backlog() const { return state_->Backlog(); }
const messaging::LossLedger& QueueRelay::ledger() const { return state_->ledger(); }

}  // namespace tidings::app
