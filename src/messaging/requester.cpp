#include <tidings/messaging/requester.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <optional>

#include <tidings/base/id.hpp>

#include "error_reply.hpp"

namespace tidings::messaging {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

// How many requests that timed out are remembered, to tell late replies from unknown ones.
constexpr std::size_t kMostRemembered = 1'024;
// How often a reply to somebody else goes back into a shared queue, and how long it waits there.
constexpr std::uint32_t kMostPasses = 50;
constexpr milliseconds kPassDelay{20};

class Pending {
 public:
  explicit Pending(const Executor& executor) : answered(executor) {}
  Signal answered;
  std::optional<Message> reply;
  bool stopped = false;
};

}  // namespace

class Requester::State : public std::enable_shared_from_this<State> {
 public:
  State(Transport& transport, Timers& timers, RequesterOptions options)
      : transport_(transport),
        timers_(timers),
        options_(std::move(options)),
        shared_(!options_.reply_queue.empty()),
        executor_(transport.executor()),
        ended_(executor_) {
    if (!shared_) options_.reply_queue = "reply." + RandomToken(16);
  }

  Task<Status> Start() {
    QueueOptions queue;
    queue.durable = shared_;
    queue.exclusive = !shared_;
    queue.quorum = shared_;
    queue.dead_letters = false;
    Topology topology;
    topology.AddQueue(options_.reply_queue, queue);
    if (Status declared = co_await transport_.Declare(std::move(topology)); !declared) co_return declared;
    const ConsumeOptions consume(256);
    std::string name = options_.reply_queue;
    auto consumer = co_await transport_.Consume(std::move(name), consume);
    if (!consumer) co_return std::unexpected(consumer.error());
    consumer_ = std::move(*consumer);
    listening_ = true;
    over_ = false;
    asio::co_spawn(executor_, Listen(shared_from_this()), asio::detached);
    co_return Status();
  }

  Task<Result<Message>> Request(Address to, Message request, milliseconds timeout) {
    if (!listening_) co_return Fail(ErrorCode::kUnavailable, "the requester was not started, or is stopped");
    if (pending_.size() >= options_.in_flight) {
      co_return Fail(ErrorCode::kUnavailable,
                     std::to_string(pending_.size()) + " requests wait for their replies, no more are taken");
    }
    const std::string id = request.id;
    request.headers.Set(header::kReplyTo, options_.reply_queue);
    request.headers.SetDefault(header::kCorrelationId, id);
    request.headers.Set(header::kDeadline, FormatTime(timers_.Now() + timeout.count()));
    const auto pending = std::make_shared<Pending>(executor_);
    if (!pending_.emplace(id, pending).second) {
      co_return Fail(ErrorCode::kConflict, "a request with the id " + id + " waits already");
    }
    // Also where this is cancelled.
    const std::unique_ptr<const std::string, Forget> forget(&id, Forget{this});
    const Millis until = timers_.Steady() + timeout.count();
    auto published = co_await transport_.Publish(std::move(to), std::move(request));
    if (!published) co_return std::unexpected(published.error());
    while (!pending->reply && !pending->stopped) {
      const Millis left = until - timers_.Steady();
      if (left <= 0) break;
      co_await pending->answered.WaitFor(timers_, milliseconds(left));
    }
    if (pending->reply) {
      ++stats_.replies;
      if (auto error = ReadErrorReply(*pending->reply)) co_return std::unexpected(std::move(*error));
      co_return std::move(*pending->reply);
    }
    if (pending->stopped) co_return Fail(ErrorCode::kUnavailable, "the requester was stopped");
    ++stats_.timeouts;
    Remember(id);
    co_return Fail(ErrorCode::kTimeout, "no reply within " + std::to_string(timeout.count()) + " ms");
  }

  void StopWaiting() {
    listening_ = false;
    for (const auto& [id, pending] : pending_) {
      pending->stopped = true;
      pending->answered.NotifyAll();
    }
  }

  Task<void> Stop() {
    StopWaiting();
    if (!consumer_) co_return;
    co_await consumer_->Stop();
    while (!over_) co_await ended_.Wait();
  }

  const RequesterStats& stats() const { return stats_; }
  const std::string& reply_queue() const { return options_.reply_queue; }

 private:
  class Forget {
   public:
    State* state;
    void operator()(const std::string* id) const { state->pending_.erase(*id); }
  };

  static Task<void> Listen(std::shared_ptr<State> self) {
    for (;;) {
      auto next = co_await self->consumer_->Next();
      if (!next) break;
      co_await self->Take(std::move(*next));
    }
    self->over_ = true;
    self->consumer_.reset();
    self->StopWaiting();
    self->ended_.NotifyAll();
  }

  Task<void> Take(Delivery delivery) {
    const Headers& headers = delivery.message().headers;
    const std::string cause(headers.Get(header::kCausationId));
    const std::string correlation(headers.Get(header::kCorrelationId));
    auto found = pending_.find(cause);
    if (found == pending_.end()) found = pending_.find(correlation);
    if (found != pending_.end()) {
      found->second->reply = delivery.message();
      found->second->answered.NotifyAll();
    } else if (Remembers(cause) || Remembers(correlation)) {
      ++stats_.late;
      Lose();
    } else if (shared_ && listening_ && delivery.deliveries() < kMostPasses) {
      ++stats_.passed_on;
      // Where that fails it is handed out again all the same, to one of those who share the queue.
      (void)co_await delivery.PutBack(kPassDelay);
      co_return;
    } else {
      ++stats_.unknown;
      Lose();
    }
    // Not acknowledged it comes again, and nobody waits for it then.
    (void)co_await delivery.Ack();
  }

  void Lose() {
    // One place for all queues that last no longer than their requester.
    if (options_.ledger != nullptr) {
      options_.ledger->Count(LossCause::kUnclaimed, shared_ ? options_.reply_queue : "replies");
    }
  }

  void Remember(const std::string& id) {
    remembered_.push_back(id);
    if (remembered_.size() > kMostRemembered) remembered_.pop_front();
  }
  bool Remembers(const std::string& id) const { return std::ranges::find(remembered_, id) != remembered_.end(); }

  Transport& transport_;
  Timers& timers_;
  RequesterOptions options_;
  bool shared_;
  Executor executor_;
  Signal ended_;
  std::unique_ptr<Consumer> consumer_;
  std::unordered_map<std::string, std::shared_ptr<Pending>> pending_;
  std::deque<std::string> remembered_;
  RequesterStats stats_;
  bool listening_ = false;
  bool over_ = true;
};

Requester::Requester(Transport& transport, Timers& timers, RequesterOptions options)
    : state_(std::make_shared<State>(transport, timers, std::move(options))) {}
Requester::~Requester() { state_->StopWaiting(); }

Task<Status> Requester::Start() { return state_->Start(); }
Task<Result<Message>> Requester::Request(Address to, Message request, milliseconds timeout) {
  return state_->Request(std::move(to), std::move(request), timeout);
}
Task<void> Requester::Stop() { return state_->Stop(); }
const RequesterStats& Requester::stats() const { return state_->stats(); }
const std::string& Requester::reply_queue() const { return state_->reply_queue(); }

}  // namespace tidings::messaging
