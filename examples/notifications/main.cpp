// Publish/subscribe: who listens now gets it, nothing is kept. A listener that may have missed something is told so by a gap,
// and looks the whole state up where it is kept instead of going on with a hole.
#include "../example.hpp"

#include <tidings/messaging/pub_sub.hpp>

Task<void> Main(Example& example) {
  auto publisher = example.Connect();
  auto listener = example.Connect();
  int score = 0;  // as the database has it
  const auto publish = [&](int up_to) -> Task<void> {
    while (score < up_to) {
      ++score;
      Must(co_await publisher->pub_sub()->Publish("score", Message("score", std::to_string(score))));
    }
  };

  auto subscription = Must(co_await listener->pub_sub()->Subscribe({"score"}));
  int shown = 0;
  const auto next = [&]() -> Task<void> {
    const Notice notice = Must(co_await subscription->Next());
    if (notice.gap()) std::cout << "a gap (" << notice.reason() << "): looks the score up, it is " << score << "\n";
    shown = notice.gap() ? score : std::stoi(notice.message().body);
  };

  co_await publish(3);
  while (shown < 3) {
    co_await next();
    std::cout << "score " << shown << "\n";
  }
  // The display hangs, and more goes by than waits for anybody.
  co_await publish(1'500);
  while (shown < 1'500) co_await next();
  std::cout << "score " << shown << "\n";
  co_await subscription->Stop();
}

int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
