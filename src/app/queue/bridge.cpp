#include <tidings/app/bridge.hpp>

#include <algorithm>

#include <tidings/app/queue_message.hpp>

namespace tidings::app {

using messaging::Delivery;
using messaging::Task;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLook{250};   // how long a queue that is empty is waited at
constexpr milliseconds kPause{500};  // between two tries
constexpr int kWindowsInARow = 16;   // of one queue, before the next queue has its turn

// As the queue is declared here; its dead letters come with it.
messaging::Topology TopologyOf(const std::string& queue) {
  messaging::QueueOptions options;
  if (queue == kMessagesQueue) {
    // As its consumers expect it.
    options.quorum = options.dead_letters = false;
    options.delivery_limit = 0;
  }
  messaging::Topology topology;
  topology.AddQueue(queue, options);
  return topology;
}

}  // namespace

Task<Status> Bridge::Run() {
  std::vector<std::string> queues = options_.queues;
  if (queues.empty()) {
    auto known = co_await from_.Queues();
    if (!known) co_return std::unexpected(known.error().Within("the queues to be moved"));
    if (known->empty() && !from_.capabilities().lists_queues) {
      co_return Fail(ErrorCode::kInvalid,
                     std::string(from_.name()) + " does not tell its queues; name them with --queue");
    }
    queues = std::move(*known);
  }
  if (Status declared = co_await to_.Declare(options_.topology); !declared) co_return declared;
  // A queue before its dead letters, which are declared with it.
  std::ranges::sort(queues, {}, [](const std::string& name) {
    return std::pair(messaging::OriginOfDeadLetters(name).has_value(), name);
  });
  for (const std::string& queue : queues) {
    const std::string home(messaging::OriginOfDeadLetters(queue).value_or(queue));
    Status declared = co_await to_.Declare(TopologyOf(home));
    if (!declared) co_return std::unexpected(declared.error().Within("declaring " + home));
  }
  Millis idle_since = timers_.Steady();
  if (options_.turn.count() > 0) until_ = idle_since + options_.turn.count();
  for (;;) {
    const std::uint64_t before = moved_;
    if (Status passed = co_await Pass(queues); !passed) co_return passed;
    if (stopping_) co_return Status();
    const bool idle = moved_ == before;
    if (!idle) idle_since = timers_.Steady();
    // What a broker counts may lag behind what it hands out.
    if (options_.drain && (idle || until_)) {
      auto left = co_await Left(queues);
      if (!left) co_return std::unexpected(left.error());
      left_ = std::move(*left);
      if (left_->empty()) co_return Status();
      if (timers_.Steady() - idle_since >= options_.most_wait.count()) {
        co_return Fail(ErrorCode::kUnavailable,
                       *left_ + ": not due yet, or held by consumers; stop those, and run it again");
      }
    }
    if (TimeIsUp()) co_return Status();
    if (options_.drain && idle) co_await timers_.Sleep(kPause);
  }
}

Task<Status> Bridge::Pass(const std::vector<std::string>& queues) {
  for (const std::string& queue : queues) {
    if (options_.leave_consumed) {
      const auto stats = co_await from_.Stats(queue);
      if (!stats) co_return std::unexpected(stats.error().Within(queue));
      if (stats->consumers > 0) continue;
    }
    if (Status moved = co_await Move(queue); !moved) co_return std::unexpected(moved.error().Within(queue));
  }
  co_return Status();
}

Task<Result<std::string>> Bridge::Left(const std::vector<std::string>& queues) {
  std::string left;
  for (const std::string& queue : queues) {
    const auto stats = co_await from_.Stats(queue);
    if (!stats) co_return std::unexpected(stats.error().Within(queue));
    const std::uint64_t count = stats->ready + stats->unsettled + stats->delayed;
    if (count == 0) continue;
    if (!left.empty()) left += ", ";
    left += std::to_string(count) + " left in " + queue;
  }
  co_return left;
}

// What is there now; of a queue that is filled as fast as it is emptied, some.
Task<Status> Bridge::Move(std::string queue) {
  for (int windows = 0; windows < kWindowsInARow && !stopping_; ++windows) {
    if (windows > 0 && TimeIsUp()) break;
    auto taken = co_await Take(queue);
    if (!taken) co_return std::unexpected(taken.error());
    if (taken->empty()) co_return Status();
    if (Status accepted = co_await Accept(queue, *taken); !accepted) {
      // Why they were not accepted is told; what could not be given back comes back by itself.
      for (auto delivery = taken->rbegin(); delivery != taken->rend(); ++delivery) (void)co_await delivery->Nack();
      co_return accepted;
    }
    for (Delivery& delivery : *taken) {
      // What is not ours any more will be moved again, with the same id.
      Status acknowledged = co_await delivery.Ack();
      if (!acknowledged && acknowledged.error().code() != ErrorCode::kConflict) co_return acknowledged;
      ++moved_;
    }
    if (taken->size() < options_.window) break;
  }
  co_return Status();
}

Task<Result<std::vector<Delivery>>> Bridge::Take(const std::string& queue) {
  std::vector<Delivery> taken;
  // One that is bound to a turn does not wait at a queue while others are full.
  const milliseconds look = until_ ? milliseconds(0) : kLook;
  while (taken.size() < options_.window && !stopping_) {
    auto popped = co_await from_.Pop(queue, taken.empty() ? look : milliseconds(0));
    if (!popped && taken.empty()) co_return std::unexpected(popped.error());
    if (!popped || !*popped) break;
    taken.push_back(std::move(**popped));
  }
  co_return taken;
}

Task<Status> Bridge::Accept(const std::string& queue, std::vector<Delivery>& taken) {
  const Millis until = timers_.Steady() + options_.most_trouble.count();
  for (;;) {
    std::vector<messaging::Outgoing> copies;
    copies.reserve(taken.size());
    for (const Delivery& delivery : taken) {
      copies.emplace_back(messaging::Address::Queue(queue), delivery.message());
    }
    Status accepted = co_await to_.PublishAll(std::move(copies));
    if (accepted || stopping_ || timers_.Steady() >= until) co_return accepted;
    const ErrorCode code = accepted.error().code();
    if (code == ErrorCode::kInvalid || code == ErrorCode::kTooLarge || code == ErrorCode::kNotFound) co_return accepted;
    co_await timers_.Sleep(kPause);
    for (Delivery& delivery : taken) co_await delivery.Extend();
  }
}

}  // namespace tidings::app
