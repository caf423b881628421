// Exits 0 if the compiler destroys what a co_await expression creates exactly once.
#include <coroutine>
#include <expected>
#include <string>

namespace {

int alive = 0;

struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  ~Counted() { --alive; }
};

struct Aggregate {
  Counted first;
  int second;
};

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

struct Sent {
  explicit Sent(Aggregate message) : message(static_cast<Aggregate&&>(message)) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
  void await_resume() const noexcept {}
  Aggregate message;
};

Sent Send(Aggregate message) { return Sent(static_cast<Aggregate&&>(message)); }

Task Run() { co_await Send(Aggregate{Counted{}, 1}); }

}  // namespace

int main() {
  const std::expected<int, std::string> sound = 0;
  Run();
  return alive == *sound ? 0 : 1;
}
