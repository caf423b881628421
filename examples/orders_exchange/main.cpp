// A topic exchange: who sends mails wants new orders, who counts wants all that happens to them. An order that no mail can be
// sent for is tried three times and lies among the dead letters then; after a fix it is handled as if nothing had been.
#include "../example.hpp"

#include <boost/describe.hpp>

#include <tidings/messaging/bus.hpp>

class OrderCreated {
 public:
  static constexpr std::string_view kType = "order.created";
  OrderCreated() = default;
  OrderCreated(int order_, std::string email_) : order(order_), email(std::move(email_)) {}
  int order = 0;
  std::string email;
};
BOOST_DESCRIBE_STRUCT(OrderCreated, (), (order, email))

Task<void> Main(Example& example) {
  auto transport = example.Connect();
  Bus bus(*transport, example.timers());
  bool fixed = false;
  int mails = 0, counted = 0;
  // Three tries unless a Retry says otherwise.
  bus.Subscribe<OrderCreated>("orders", Group("email"), [&](const OrderCreated& order, Context& context) -> Task<void> {
    if (order.email == "zoë@example.com" && !fixed) {
      std::cout << "email: try " << context.attempt() << " of order " << order.order << " fails\n";
      throw std::runtime_error("the mail server takes ASCII alone");
    }
    std::cout << "email: to " << order.email << " for order " << order.order << "\n";
    ++mails;
    co_return;
  });
  bus.SubscribeTo("orders", Group("analytics"), {"order.*"}, [&](Context&) -> Task<void> {
    ++counted;
    co_return;
  });
  Must(co_await bus.Start());

  int number = 0;
  for (const std::string email : {"ann@example.com", "zoë@example.com", "bob@example.com"}) {
    Must(co_await bus.Publish("orders", OrderCreated(++number, email)));
  }
  Must(co_await bus.PublishMessage("orders", Message("order.paid", R"({"order":1})")));
  co_await example.Until([&] { return counted == 4 && bus.router().stats().buried == 1; });
  std::cout << "analytics: " << counted << " events\n";

  DeadLetters dead(*transport, example.timers());
  for (const Message& letter : Must(co_await dead.Peek("orders.email"))) {
    std::cout << "dead: " << letter.body << ": " << letter.headers.Get(header::kDeathError) << "\n";
  }
  fixed = true;
  const ReplayReport report = Must(co_await dead.Replay("orders.email"));
  co_await example.Until([&] { return mails == 3; });
  std::cout << "fixed, and replayed: " << report.replayed << "\n";
  co_await bus.Stop();
}

int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
