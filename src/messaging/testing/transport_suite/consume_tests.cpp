// Conformance of Transport: consumers compete, hold no more than their prefetch, end when they are told to and lose nothing.
#include "testing/transport_suite.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidings::messaging::testing {
namespace {

// A Next that goes on beside the test.
class PendingNext {
 public:
  PendingNext(TaskRunner& runner, Consumer& consumer) : state_(std::make_shared<State>()) {
    boost::asio::co_spawn(runner.context(), Fetch(consumer, state_),
                          boost::asio::bind_cancellation_slot(
                              cancel_.slot(), [state = state_](const std::exception_ptr&) { state->ended = true; }));
  }
  bool ended() const { return state_->ended; }
  // Nothing before it ended, or if it ended by an exception.
  std::optional<Result<Delivery>>& result() { return state_->result; }
  void Cancel() { cancel_.emit(boost::asio::cancellation_type::terminal); }

 private:
  class State {
   public:
    bool ended = false;
    std::optional<Result<Delivery>> result;
  };
  static Task<void> Fetch(Consumer& consumer, std::shared_ptr<State> state) {
    state->result = co_await consumer.Next();
  }
  std::shared_ptr<State> state_;
  boost::asio::cancellation_signal cancel_;
};

TEST_P(TransportSuite, AConsumerWaitsForWhatComes) {
  const std::string queue = Queue();
  const auto consumer = Consume(queue);
  PendingNext next(runner_, *consumer);
  Settle();
  EXPECT_FALSE(next.ended());
  Publish(queue, Numbered(7));
  ASSERT_TRUE(Until([&] { return next.ended(); }));
  EXPECT_EQ(Must(std::move(*next.result())).message().body, "7");
}

TEST_P(TransportSuite, AConsumerHoldsNoMoreThanItsPrefetch) {
  const std::string queue = Queue();
  PublishNumbered(queue, 5);
  const auto consumer = Consume(queue, 3);
  std::vector<Delivery> held;
  for (int i = 0; i < 3; ++i) held.push_back(Next(*consumer));
  PendingNext next(runner_, *consumer);
  Settle();
  EXPECT_FALSE(next.ended()) << "a fourth delivery while three are unsettled";
  Ack(held[1]);
  ASSERT_TRUE(Until([&] { return next.ended(); }));
  Delivery fourth = Must(std::move(*next.result()));
  Ack(fourth);
  Ack(held[0]);
  Delivery fifth = Next(*consumer);
  Ack(fifth);
  Ack(held[2]);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, WithAPrefetchOfOneTheNextIsWithheldUntilTheFirstIsSettled) {
  const std::string queue = Queue();
  const auto ids = PublishNumbered(queue, 20);
  const auto consumer = Consume(queue, 1);
  std::vector<std::string> bodies;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Delivery delivery = Next(*consumer);
    if (i == 3) {
      PendingNext next(runner_, *consumer);
      Settle();
      EXPECT_FALSE(next.ended());
      bodies.push_back(delivery.message().body);
      Ack(delivery);
      ASSERT_TRUE(Until([&] { return next.ended(); }));
      delivery = Must(std::move(*next.result()));
      ++i;
    }
    bodies.push_back(delivery.message().body);
    Ack(delivery);
  }
  if (capabilities().ordered && features().steady) EXPECT_EQ(bodies, Numbers(20));
}

TEST_P(TransportSuite, CompetingConsumersShareAQueue) {
  const std::string queue = Queue();
  const int count = Large() ? 5'000 : 300;
  const std::size_t consumers = Large() ? 50 : 10;
  std::map<std::string, int> seen;
  std::size_t handled = 0;
  std::size_t ended = 0;
  const auto consume = [&](Consumer& consumer) -> Task<void> {
    for (;;) {
      auto delivery = co_await consumer.Next();
      if (!delivery) break;
      ++seen[delivery->message().id];
      if (!co_await delivery->Ack() && features().steady) ADD_FAILURE() << "a delivery was not ours any more";
      ++handled;
    }
    ++ended;
  };
  std::vector<std::unique_ptr<Consumer>> all;
  for (std::size_t i = 0; i < consumers; ++i) all.push_back(Consume(queue, 8));
  for (const auto& consumer : all) Spawn(consume(*consumer));
  const auto ids = PublishNumbered(queue, count);
  EXPECT_TRUE(UntilAll(ids.size(), [&] { return seen.size(); }));
  Settle();
  if (features().steady) EXPECT_EQ(handled, ids.size()) << "none extra";
  for (const auto& consumer : all) Run(consumer->Stop());
  EXPECT_TRUE(Until([&] { return ended == consumers; }));
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, ASlowConsumerDoesNotHoldUpOthers) {
  const std::string queue = Queue();
  const auto slow = Consume(queue, 2);
  const auto ids = PublishNumbered(queue, 2);
  Delivery first = Next(*slow);
  Delivery second = Next(*slow);
  const auto quick = Consume(queue, 2);
  PublishNumbered(queue, 30);
  for (int i = 0; i < 30; ++i) {
    Delivery delivery = Next(*quick);
    Ack(delivery);
  }
  Ack(first);
  Ack(second);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, OneConsumerGetsAQueueInOrder) {
  if (!capabilities().ordered || !features().steady) GTEST_SKIP() << "does not claim order";
  const std::string queue = Queue();
  const int count = Large() ? 5'000 : 320;
  for (int i = 0; i < count; ++i) Publish(queue, Message("type." + std::to_string(i % 16), std::to_string(i)));
  const auto consumer = Consume(queue, 10);
  std::map<std::string, int> last;
  for (int i = 0; i < count; ++i) {
    Delivery delivery = Next(*consumer);
    const auto [place, first] = last.try_emplace(delivery.message().type, -1);
    EXPECT_LT(place->second, std::stoi(delivery.message().body));
    place->second = std::stoi(delivery.message().body);
    EXPECT_EQ(delivery.message().body, std::to_string(i));
    Ack(delivery);
  }
}

TEST_P(TransportSuite, AStoppedConsumerGivesBackWhatItHadFetched) {
  const std::string queue = Queue();
  const auto ids = PublishNumbered(queue, 10);
  auto consumer = Consume(queue, 10);
  Delivery held = Next(*consumer);
  Settle();
  Run(consumer->Stop());
  Run(consumer->Stop());
  EXPECT_EQ(CodeOf(Run(consumer->Next())), ErrorCode::kUnavailable);
  const std::string held_id = held.message().id;
  ASSERT_TRUE(Ready(queue, 9));
  for (int i = 0; i < 9; ++i) {
    Delivery delivery = Pop(queue);
    EXPECT_NE(delivery.message().id, held_id) << "what was handed out stays with whom it was handed to";
    EXPECT_EQ(delivery.attempt(), 1U);
    Ack(delivery);
  }
  consumer.reset();
  EXPECT_TRUE(Run(held.Ack()));
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, StoppingEndsANextThatWaits) {
  const std::string queue = Queue();
  const auto consumer = Consume(queue);
  PendingNext next(runner_, *consumer);
  Settle();
  Run(consumer->Stop());
  ASSERT_TRUE(Until([&] { return next.ended(); }));
  EXPECT_EQ(CodeOf(*next.result()), ErrorCode::kUnavailable);
}

TEST_P(TransportSuite, DroppingAConsumerEndsANextThatWaits) {
  const std::string queue = Queue();
  auto consumer = Consume(queue);
  PendingNext next(runner_, *consumer);
  Settle();
  consumer.reset();
  ASSERT_TRUE(Until([&] { return next.ended(); }));
  PublishNumbered(queue, 1);
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

TEST_P(TransportSuite, ACancelledNextLosesNothing) {
  const std::string queue = Queue();
  const auto consumer = Consume(queue, 4);
  for (int round = 0; round < 10; ++round) {
    PendingNext next(runner_, *consumer);
    if (round % 2 == 0) Settle();
    if (round % 3 == 0) Publish(queue, Numbered(round));
    next.Cancel();
    ASSERT_TRUE(Until([&] { return next.ended(); }));
    // Cancelled, or with a message that goes back here.
    next.result().reset();
    if (round % 3 != 0) Publish(queue, Numbered(round));
    Delivery delivery = Next(*consumer);
    EXPECT_EQ(delivery.message().body, std::to_string(round));
    Ack(delivery);
  }
  EXPECT_TRUE(Empty(queue));
}

// It was the one to be woken, and is gone before it looks.
TEST_P(TransportSuite, AConsumerThatIsCancelledAsAMessageComesLeavesItToAnother) {
  const std::string queue = Queue();
  const auto one = Consume(queue, 1);
  const auto other = Consume(queue, 1);
  PendingNext first(runner_, *one);
  Settle();
  PendingNext second(runner_, *other);
  Settle();
  const auto publish_and_cancel = [&]() -> Task<void> {
    Must(co_await transport().Publish(Address::Queue(queue), Numbered(5)));
    first.Cancel();
  };
  Run(publish_and_cancel());
  ASSERT_TRUE(Until([&] { return first.ended(); }));
  first.result().reset();
  // What the cancelled one had fetched ahead goes back with it.
  Run(one->Stop());
  ASSERT_TRUE(Until([&] { return second.ended(); })) << "nobody was told of the message";
  Delivery delivery = Must(std::move(*second.result()));
  EXPECT_EQ(delivery.message().body, "5");
  Ack(delivery);
}

TEST_P(TransportSuite, ConsumersThatComeAndGoLoseNothing) {
  const std::string queue = Queue();
  const auto ids = PublishNumbered(queue, 60);
  std::set<std::string> seen;
  while (seen.size() < ids.size()) {
    const auto consumer = Consume(queue, 5);
    for (int i = 0; i < 3 && seen.size() < ids.size(); ++i) {
      Delivery delivery = Next(*consumer);
      seen.insert(delivery.message().id);
      Ack(delivery);
    }
  }
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, ConsumersMayOpenAndCloseAtOnce) {
  const std::string queue = Queue();
  int ended = 0;
  const auto come_and_go = [&]() -> Task<void> {
    for (int i = 0; i < 5; ++i) {
      auto consumer = co_await transport().Consume(queue, ConsumeOptions(3));
      if (!consumer) {
        ADD_FAILURE() << consumer.error().message();
      } else {
        co_await (*consumer)->Stop();
      }
    }
    ++ended;
  };
  for (int i = 0; i < 10; ++i) Spawn(come_and_go());
  const auto ids = PublishNumbered(queue, 30);
  ASSERT_TRUE(Until([&] { return ended == 10; }));
  TakeAll(queue, ids);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, RefusesAPrefetchOutOfBounds) {
  const std::string queue = Queue();
  EXPECT_EQ(CodeOf(Run(transport().Consume(queue, ConsumeOptions(0)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Run(transport().Consume(queue, ConsumeOptions(10'001)))), ErrorCode::kInvalid);
  EXPECT_TRUE(Run(transport().Consume(queue, ConsumeOptions(10'000))));
}

TEST_P(TransportSuite, PopTakesWhatIsThereOrWaitsForIt) {
  const std::string queue = Queue();
  EXPECT_TRUE(Empty(queue));
  std::optional<Result<std::optional<Delivery>>> popped;
  const auto pop = [&](ms timeout) -> Task<void> { popped.emplace(co_await transport().Pop(queue, timeout)); };
  InTime([&](ms unit) {
    popped.reset();
    const Millis end = Moment(3 * unit);
    Spawn(pop(3 * unit));
    Pass(unit);
    const bool waits = !popped;
    const bool in_time = !PastIt(end);
    if (in_time) EXPECT_TRUE(waits);
    Pass(3 * unit);
    EXPECT_TRUE(Until([&] { return popped.has_value(); }));
    if (popped) EXPECT_FALSE(Must(std::move(*popped)).has_value()) << "nothing came within the time";
    return in_time;
  });
  popped.reset();
  Spawn(pop(100 * unit()));
  Settle();
  Publish(queue, Numbered(4));
  ASSERT_TRUE(Until([&] { return popped.has_value(); }));
  auto delivery = Must(std::move(*popped));
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().body, "4");
  EXPECT_EQ(delivery->queue(), queue);
  Ack(*delivery);
}

TEST_P(TransportSuite, CloseEndsAllWhoWaitAndMayBeCalledAgain) {
  const std::string queue = Queue();
  const std::string empty = Queue();
  PublishNumbered(queue, 3);
  const auto consumer = Consume(queue, 1);
  const auto waiting = Consume(empty);
  Delivery held = Next(*consumer);
  PendingNext at_prefetch(runner_, *consumer);
  PendingNext at_empty(runner_, *waiting);
  std::optional<Result<std::optional<Delivery>>> popped;
  const auto pop = [&]() -> Task<void> { popped.emplace(co_await transport().Pop(empty, 100 * unit())); };
  Spawn(pop());
  Settle();
  Run(transport().Close());
  Run(transport().Close());
  ASSERT_TRUE(Until([&] { return at_prefetch.ended() && at_empty.ended() && popped; }));
  EXPECT_EQ(CodeOf(*at_prefetch.result()), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(*at_empty.result()), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(*popped), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(TryPublish(Address::Queue(queue), Numbered(0))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(transport().Consume(queue, ConsumeOptions()))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(transport().Pop(queue, ms(0)))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(transport().Declare(Topology().AddQueue(empty)))), ErrorCode::kUnavailable);
  EXPECT_FALSE(Run(held.Ack())) << "it is not ours any more";
  transport_.reset();
}

}  // namespace
}  // namespace tidings::messaging::testing
