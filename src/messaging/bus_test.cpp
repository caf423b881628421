#include <tidings/messaging/bus.hpp>

#include <boost/describe.hpp>
#include <gmock/gmock.h>

#include <tidings/messaging/batch.hpp>
#include <tidings/messaging/dispatch.hpp>
#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/memory_inbox.hpp>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {

class OrderPlaced {
 public:
  static constexpr std::string_view kType = "order.placed";
  OrderPlaced() = default;
  OrderPlaced(std::string order_id_, std::string email_) : order_id(std::move(order_id_)), email(std::move(email_)) {}
  std::string order_id;
  std::string email;
};
BOOST_DESCRIBE_STRUCT(OrderPlaced, (), (order_id, email))

class Parcel {
 public:
  std::vector<OrderPlaced> orders;
  double weight = 0;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Parcel, (), (orders, weight, note))

class OrderPaid {
 public:
  static constexpr std::string_view kType = "order.paid";
  std::string order_id;
  std::string Encode() const { return order_id; }
  static Result<OrderPaid> Decode(std::string_view body) {
    OrderPaid paid;
    paid.order_id = body;
    return paid;
  }
};

namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;

static_assert(Event<OrderPlaced> && Event<OrderPaid>);
static_assert(std::same_as<CodecFor<OrderPaid>, OwnCodec<OrderPaid>>);

TEST(JsonCodec, ReadsAndWritesADescribedType) {
  const JsonCodec<OrderPlaced> codec;
  const std::string body = codec.Encode(OrderPlaced("7", "ann@example.com"));
  EXPECT_EQ(body, R"({"order_id":"7","email":"ann@example.com"})");
  EXPECT_EQ(codec.Decode(body)->email, "ann@example.com");
  for (const std::string_view wrong : {"", "[]", "7", R"({"order_id":"7"})", R"({"order_id":7,"email":""})", "{"}) {
    const auto decoded = codec.Decode(wrong);
    ASSERT_FALSE(decoded) << wrong;
    EXPECT_EQ(decoded.error().code(), ErrorCode::kMalformed);
  }
}

TEST(JsonCodec, SkipsWhatItDoesNotKnowAndLacksOnlyWhatIsOptional) {
  const JsonCodec<Parcel> codec;
  const auto read = codec.Decode(R"({"orders":[{"order_id":"1","email":"a","colour":"red"}],"weight":2.5,"new":[1]})");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->orders.at(0).order_id, "1");
  EXPECT_EQ(read->weight, 2.5);
  EXPECT_FALSE(read->note);
  EXPECT_EQ(codec.Decode(codec.Encode(*read))->orders.size(), 1U);
  EXPECT_EQ(codec.Decode(R"({"orders":[],"weight":1,"note":"fragile"})")->note, "fragile");
  const auto wrong = codec.Decode(R"({"orders":[]})");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message(), "the body does not fit its type: it has no weight");
}

class BusTest : public RouterFixture {
 protected:
  Bus bus_{transport_, timers_};
};

TEST_F(BusTest, WiresATopicWithAGroupAsOneReadsIt) {
  std::vector<std::string> mails;
  bool down = true;
  bus_.Subscribe<OrderPlaced>("orders", Group("mailer"), Prefetch(16), KeyBy(&OrderPlaced::order_id),
                              Retry().Immediate(2).Delayed(5s, 30s, 5min).Jitter(0), DeadLetter("orders.dead"),
                              [&](const OrderPlaced& order, Context&) -> Task<void> {
                                if (down) throw std::runtime_error("mail server is down");
                                mails.push_back(order.email);
                                co_return;
                              });
  ASSERT_TRUE(runner_.Run(bus_.Start()));
  ASSERT_TRUE(runner_.Run(bus_.Publish("orders", OrderPlaced("7", "ann@example.com"))));
  Advance(34s);
  EXPECT_TRUE(mails.empty());
  down = false;
  Advance(1s);
  EXPECT_THAT(mails, ::testing::ElementsAre("ann@example.com"));
  down = true;
  ASSERT_TRUE(runner_.Run(bus_.Publish("orders", OrderPlaced("8", "bob@example.com"))));
  Advance(10min);
  runner_.Run(bus_.Stop());
  const auto dead = Take("orders.dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathQueue), "orders.mailer");
  EXPECT_EQ(dead[0].headers.Get(header::kContentType), "application/json");
}

TEST_F(BusTest, AHandlerReturnsWhatToSend) {
  std::vector<std::string> paid;
  bus_.Subscribe<OrderPlaced>("orders", Group("billing"),
                              [](const OrderPlaced& order, Context& context) -> Task<Outgoing> {
                                OrderPaid event;
                                event.order_id = order.order_id;
                                co_return Bus::To("orders", context, event);
                              });
  bus_.Subscribe<OrderPaid>("orders", Group("shipping"), [&](const OrderPaid& event) -> Task<void> {
    paid.push_back(event.order_id);
    co_return;
  });
  ASSERT_TRUE(runner_.Run(bus_.Start()));
  ASSERT_TRUE(runner_.Run(bus_.Publish("orders", OrderPlaced("7", ""))));
  runner_.Poll();
  EXPECT_THAT(paid, ::testing::ElementsAre("7"));
  runner_.Run(bus_.Stop());
}

TEST_F(BusTest, OneGroupTakesSeveralTypesByDispatchAlone) {
  std::vector<std::string> seen;
  bus_.SubscribeTo("orders", Group("audit"), {"order.*"},
                   Dispatch()
                       .On<OrderPlaced>([&](const OrderPlaced& order) -> Task<void> {
                         seen.push_back("placed " + order.order_id);
                         co_return;
                       })
                       .On<OrderPaid>([&](const OrderPaid& order, Context&) -> Task<Status> {
                         seen.push_back("paid " + order.order_id);
                         co_return Status();
                       }));
  EXPECT_THROW(bus_.SubscribeTo("orders", Group("audit"), {"#"}, [](Context&) -> Task<void> { co_return; }),
               std::invalid_argument);
  ASSERT_TRUE(runner_.Run(bus_.Start()));
  OrderPaid paid;
  paid.order_id = "7";
  ASSERT_TRUE(runner_.Run(bus_.Publish("orders", OrderPlaced("7", ""))));
  ASSERT_TRUE(runner_.Run(bus_.Publish("orders", paid)));
  ASSERT_TRUE(runner_.Run(bus_.PublishMessage("orders", Message("order.lost", "x"))));
  runner_.Poll();
  EXPECT_THAT(seen, ::testing::ElementsAre("placed 7", "paid 7"));
  runner_.Run(bus_.Stop());
  const auto dead = Take("orders.audit.dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].headers.Get(header::kDeathReason), "rejected");
}

TEST_F(BusTest, AnEffectHappensOnceWithAnInbox) {
  MemoryInbox inbox;
  int effects = 0;
  const Idempotent once(inbox);
  router_.Subscribe("q", once, Concurrency(4), [&](Context& context) -> Task<Status> {
    context.unit()->As<MemoryUnit>().OnCommit([&] { ++effects; });
    context.Send(Address::Queue("out"), context.Follow("done", ""));
    co_await context.timers().Sleep(10ms);
    co_return Status();
  });
  Start(router_);
  const Message message("x");
  // Two copies at once: one waits for the other's commit.
  Publish(message);
  Publish(message);
  Advance(10ms);
  EXPECT_EQ(effects, 1);
  EXPECT_EQ(once.repeats(), 0U);
  EXPECT_EQ(router_.stats().returned, 1U);
  Advance(200ms);
  EXPECT_EQ(effects, 1);
  EXPECT_EQ(once.repeats(), 1U);
  EXPECT_EQ(Take("out").size(), 1U);
  EXPECT_EQ(inbox.size(), 1U);
  EXPECT_EQ(*runner_.Run(inbox.Forget(timers_.Now() + 1)), 1U);
  EXPECT_EQ(inbox.size(), 0U);
  runner_.Run(router_.Stop());
}

TEST_F(BusTest, ABatchIsHandledWhenItIsFullOrItsTimeIsOver) {
  std::vector<std::size_t> sizes;
  std::vector<Millis> at;
  const Millis begin = timers_.Steady();
  router_.Subscribe("q", Batch(3, 100ms, [&](const std::vector<Message>& messages) -> Task<Status> {
                      sizes.push_back(messages.size());
                      at.push_back(timers_.Steady() - begin);
                      co_return Status();
                    }));
  Start(router_);
  for (int i = 0; i < 5; ++i) Publish(Message("x"));
  runner_.Poll();
  EXPECT_THAT(sizes, ::testing::ElementsAre(3U));
  Advance(100ms);
  EXPECT_THAT(sizes, ::testing::ElementsAre(3U, 2U));
  EXPECT_THAT(at, ::testing::ElementsAre(0, 100));
  EXPECT_EQ(router_.stats().done, 5U);
  runner_.Run(router_.Stop());
}

TEST_F(BusTest, ABatchWhoseHandlerThrowsFailsEachOfItsMessages) {
  router_.Subscribe("q", Retry::Never(), Batch(2, 100ms, [&](const std::vector<Message>&) -> Task<Status> {
                      throw std::runtime_error("bad");
                      co_return Status();
                    }));
  Start(router_);
  for (int i = 0; i < 4; ++i) Publish(Message("x"));
  runner_.Poll();
  EXPECT_EQ(router_.stats().buried, 4U);
  runner_.Run(router_.Stop());
}

class TopicTest : public RouterFixture {};

TEST_F(TopicTest, AListenerGetsWhatFitsWhileItIsThere) {
  Topic topic(transport_, "news");
  Declare(topic.topology());
  EXPECT_EQ(*runner_.Run(topic.Publish(Message("a.b", "before"))), 0U);
  EXPECT_EQ(ledger_.Of(LossCause::kUnrouted), 1U);
  auto listener = runner_.Run(topic.Listen("a.*"));
  ASSERT_TRUE(listener);
  EXPECT_EQ(*runner_.Run(topic.Publish(Message("a.b", "1"))), 1U);
  EXPECT_EQ(*runner_.Run(topic.Publish(Message("b.b", "2"))), 0U);
  EXPECT_EQ(*runner_.Run(topic.Publish(Message("other", "3"), "a.c")), 1U);
  EXPECT_EQ(runner_.Run((*listener)->Next())->message().body, "1");
  EXPECT_EQ(runner_.Run((*listener)->Next())->message().body, "3");
  runner_.Run((*listener)->Stop());
  EXPECT_FALSE(runner_.Run((*listener)->Next()));
}

}  // namespace
}  // namespace tidings::messaging
