#include <tidings/messaging/batch.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>

#include <tidings/messaging/signal.hpp>

namespace tidings::messaging {
namespace {

// The messages of one batch; its first message's coroutine leads, and runs the handler for all.
class Gathering {
 public:
  explicit Gathering(const Executor& executor) : changed(executor) {}
  std::vector<Message> messages;
  std::vector<Status> results;
  bool closed = false;
  bool over = false;
  Signal changed;
};

// Lets go the others however the leader ends.
class Ending {
 public:
  explicit Ending(Gathering& group) : group_(group) {}
  ~Ending() {
    const Status unhandled = Fail(ErrorCode::kUnavailable, "the batch was not handled to its end");
    group_.results.resize(group_.messages.size(), unhandled);
    group_.over = true;
    group_.changed.NotifyAll();
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

 private:
  Gathering& group_;
};

}  // namespace

class Batch::State {
 public:
  State(std::size_t most_, std::chrono::milliseconds wait_) : most(std::max<std::size_t>(most_, 1)), wait(wait_) {}
  const std::size_t most;
  const std::chrono::milliseconds wait;
  ForEach handler;
  std::shared_ptr<Gathering> open;

  void Close(Gathering& group) {
    group.closed = true;
    if (open.get() == &group) open.reset();
  }

  Task<Status> Lead(std::shared_ptr<Gathering> group, Context& context) {
    const Ending ending(*group);
    const Millis until = context.timers().Steady() + wait.count();
    while (!group->closed && !context.stopping()) {
      const Millis left = until - context.timers().Steady();
      if (left <= 0) break;
      co_await group->changed.WaitFor(context.timers(), std::chrono::milliseconds(left));
    }
    Close(*group);
    const std::size_t count = group->messages.size();
    try {
      group->results = co_await handler(group->messages);
    } catch (const std::exception& thrown) {
      const Status failed = Fail(ErrorCode::kInternal, std::string("the batch's handler threw: ") + thrown.what());
      group->results.assign(count, failed);
    }
    if (group->results.size() != count) {
      const Status wrong =
          Fail(ErrorCode::kInternal, "the batch's handler answered " + std::to_string(group->results.size()) +
                                         " results for " + std::to_string(count) + " messages");
      group->results.assign(count, wrong);
    }
    co_return group->results.front();
  }
};

Batch::Batch(std::size_t most, std::chrono::milliseconds wait) : state_(std::make_shared<State>(most, wait)) {}

void Batch::Set(ForEach handler) { state_->handler = std::move(handler); }

void Batch::Set(ForAll handler) {
  state_->handler = [handler = std::move(handler)](const std::vector<Message>& messages) -> Task<std::vector<Status>> {
    Status all = co_await handler(messages);
    co_return std::vector<Status>(messages.size(), all);
  };
}

Task<Status> Batch::operator()(Context& context) const {
  const auto state = state_;
  if (!state->open) state->open = std::make_shared<Gathering>(co_await boost::asio::this_coro::executor);
  const auto group = state->open;
  const std::size_t place = group->messages.size();
  group->messages.push_back(context.message());
  if (group->messages.size() == state->most) {
    state->Close(*group);
    group->changed.NotifyAll();
  }
  if (place == 0) co_return co_await state->Lead(group, context);
  while (!group->over) co_await group->changed.Wait();
  co_return group->results[place];
}

void Batch::Adjust(HandlerSettings& settings) const {
  const auto least = static_cast<std::uint16_t>(std::min<std::size_t>(state_->most, 10'000));
  settings.concurrency = std::max(settings.concurrency, least);
}

}  // namespace tidings::messaging
