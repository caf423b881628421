// Questions and answers over queues: a calculator that answers, refuses, and is too slow at times.
#include "../example.hpp"

#include <cmath>

#include <tidings/messaging/requester.hpp>
#include <tidings/messaging/responder.hpp>
#include <tidings/messaging/router.hpp>

Task<void> Main(Example& example) {
  // The one who answers. Any number of them may share the queue.
  auto server = example.Connect();
  Topology topology;
  topology.AddQueue("calculator");
  Must(co_await server->Declare(topology));
  Router router(*server, example.timers());
  const Responder calculator([&](const Message& question) -> Task<tidings::Result<std::string>> {
    const double number = std::stod(question.body);
    if (number < 0) co_return Fail(ErrorCode::kInvalid, "no real number has the square " + question.body);
    if (number > 1e6) co_await example.timers().Sleep(3s);
    co_return std::to_string(std::lround(std::sqrt(number)));
  });
  router.Subscribe("calculator", calculator);
  Must(co_await router.Start());

  // The one who asks, over a connection of its own.
  auto client = example.Connect();
  Requester requester(*client, example.timers());
  Must(co_await requester.Start());
  for (const std::string number : {"144", "-1", "1e9"}) {
    const auto reply =
        co_await requester.Request(Address::Queue("calculator"), Message("root", number), number == "1e9" ? 2s : 20s);
    std::cout << "root of " << number << ": " << (reply ? reply->body : reply.error().message()) << "\n";
  }
  // An answer that comes when nobody waits any more is not taken for another question's.
  co_await example.Until([&] { return requester.stats().late == 1; });
  std::cout << requester.stats().replies << " replies, " << requester.stats().timeouts << " timeout, "
            << requester.stats().late << " late\n";
  co_await requester.Stop();
  co_await router.Stop();
}

int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
