// A program as a user writes it. Compiled with clang and, since its compiler's coroutines have a defect that the library's
// types must not provoke, with g++ 12 under AddressSanitizer.
#include <tidings/messaging/bus.hpp>
#include <tidings/messaging/circuit_breaker.hpp>
#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/memory_inbox.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/requester.hpp>
#include <tidings/messaging/responder.hpp>
#include <tidings/messaging/timeout.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/describe.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidings::messaging;
using namespace std::chrono_literals;

class OrderPlaced {
 public:
  static constexpr std::string_view kType = "order.placed";
  OrderPlaced() = default;
  OrderPlaced(std::string id, std::string to) : order_id(std::move(id)), email(std::move(to)) {}
  std::string order_id;
  std::string email;
};
BOOST_DESCRIBE_STRUCT(OrderPlaced, (), (order_id, email))

class Mail {
 public:
  Task<void> Send(std::string address) {
    if (address == "nobody") throw std::runtime_error("no such address as " + address);
    sent.push_back(std::move(address));
    co_return;
  }
  std::vector<std::string> sent;
};

void Wire(Bus& bus, Mail& mail, Inbox& inbox) {
  bus.Subscribe<OrderPlaced>(
      "orders", Group("mailer"), Prefetch(16), KeyBy(&OrderPlaced::order_id), Retry().Immediate(1).Delayed(1ms),
      DeadLetter("orders.dead"), Timeout(5s), CircuitBreaker(100, 1s), Idempotent(inbox),
      [&](const OrderPlaced& order, Context&) -> Task<void> { co_await mail.Send(order.email); });
}

// The expressions that g++ 12 destroys twice where a library's types are aggregates.
Task<void> Talk(Bus& bus, Transport& transport, Timers& timers, Mail& mail, int& wrong) {
  const auto expect = [&wrong](bool right, const char* what) {
    if (right) return;
    ++wrong;
    std::cerr << "wrong: " << what << "\n";
  };
  expect((co_await transport.Declare(Topology().AddQueue("sums").AddQueue("plain"))).has_value(), "declare");
  expect((co_await bus.Start()).has_value(), "start");
  expect((co_await bus.Publish("orders", OrderPlaced("1", "somebody.with.a.long@address.example.com"))).has_value(),
         "publish");
  expect((co_await bus.Publish("orders", OrderPlaced("2", "nobody"))).has_value(), "publish the poison");
  expect((co_await transport.Publish(Address::Queue("plain"),
                                     Message("a.type.that.is.long.enough", std::string(100, 'x')), PublishOptions()))
             .has_value(),
         "publish a message");
  auto popped = co_await transport.Pop("plain", 1s);
  expect(popped && *popped && (*popped)->message().body.size() == 100, "pop");
  if (popped && *popped) expect((co_await (*popped)->Ack()).has_value(), "ack");
  std::vector<Outgoing> many;
  many.emplace_back(Address::Queue("plain"), Message(std::string(50, 'y')));
  expect((co_await transport.PublishAll(std::move(many))).has_value(), "publish all");

  Router router(transport, timers);
  router.Subscribe("sums", Responder([](const Message& question) -> Task<Result<std::string>> {
                     co_return question.body + " is a question that is long enough for the heap";
                   }));
  expect((co_await router.Start()).has_value(), "start the responder");
  Requester requester(transport, timers, RequesterOptions());
  expect((co_await requester.Start()).has_value(), "start the requester");
  auto reply = co_await requester.Request(Address::Queue("sums"), Message("sum", "what"), 5s);
  expect(reply && reply->body.starts_with("what is"), "reply");
  co_await requester.Stop();
  co_await router.Stop();

  for (int i = 0; i < 500 && (mail.sent.empty() || bus.router().stats().buried == 0); ++i) co_await timers.Sleep(10ms);
  expect(mail.sent.size() == 1, "one mail");
  auto dead = co_await transport.Pop("orders.dead", 1s);
  expect(dead && *dead && (*dead)->message().headers.Get(header::kDeathReason) == "failed", "one dead letter");
  if (dead && *dead) expect((co_await (*dead)->Ack()).has_value(), "ack it");
  co_await bus.Stop(1s);
  co_await transport.Close();
}

int main() {
  boost::asio::io_context context;
  SystemTimers timers(context.get_executor());
  MemoryTransport transport(context.get_executor(), timers);
  MemoryInbox inbox;
  Mail mail;
  Bus bus(transport, timers);
  Wire(bus, mail, inbox);
  int wrong = 0;
  bool ended = false;
  boost::asio::co_spawn(context, Talk(bus, transport, timers, mail, wrong), [&](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
    ended = true;
    context.stop();
  });
  context.run_for(60s);
  if (!ended) std::cerr << "it did not end\n";
  std::cout << (ended && wrong == 0 ? "all is well\n" : "something is wrong\n");
  return ended && wrong == 0 ? 0 : 1;
}
