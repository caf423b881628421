#include <tidings/messaging/order_by_number.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>

#include <tidings/messaging/memory_inbox.hpp>
#include <tidings/messaging/numbering.hpp>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {
namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Strings = std::vector<std::string>;

// Does not answer while it is down.
class FlakyInbox final : public NumberedInbox {
 public:
  explicit FlakyInbox(MemoryInbox& inbox) : inbox_(inbox) {}
  bool down = false;
  Task<Result<std::unique_ptr<InboxUnit>>> Begin() override { return inbox_.Begin(); }
  Task<Result<std::uint64_t>> Forget(Millis before) override { return inbox_.Forget(before); }
  Task<Result<std::optional<std::uint64_t>>> Position(std::string consumer, std::string sequence) override {
    if (down) co_return Fail(ErrorCode::kUnavailable, "the disk is away");
    co_return co_await inbox_.Position(std::move(consumer), std::move(sequence));
  }

 private:
  MemoryInbox& inbox_;
};

class OrderByNumberTest : public RouterFixture {
 protected:
  OrderByNumberTest() { bounds_.ledger = &ledger_; }

  // The effect is the message's body, by its key. "bad" is rejected, "weak…" fails once.
  AnyHandler Handler() {
    return [this](Context& context) -> Task<Status> {
      const Message& message = context.message();
      if (message.body == "bad") co_return context.Reject("bad");
      co_await context.timers().Sleep(1ms);
      if (message.body.starts_with("weak") && failed_.insert(message.id).second) {
        co_return Fail(ErrorCode::kUnavailable, "weak");
      }
      context.unit()->As<MemoryUnit>().OnCommit([this, key = message.key, body = message.body, late = context.late()] {
        done_[key].push_back(late ? body + " late" : body);
      });
      co_return Status();
    };
  }
  template <class... Options>
  void Subscribe(Router& router, NumberedInbox& inbox, Options&&... options) {
    HandlerSettings settings;
    settings.concurrency = 4;
    order_ = std::make_unique<OrderByNumber>(inbox, bounds_);
    order_->AddTo(settings);
    (std::forward<Options>(options).AddTo(settings), ...);
    router.SubscribeAny("q", std::move(settings), Handler());
  }
  template <class... Options>
  void Begin(Options&&... options) {
    Subscribe(router_, inbox_, std::forward<Options>(options)...);
    Start(router_);
  }
  // Another router over the same queue and inbox, as after a restart.
  void Restart(Router& next) {
    runner_.Run(router_.Stop());
    Subscribe(next, inbox_);
    Start(next);
  }
  void End() { runner_.Run(router_.Stop()); }

  static Message Numbered(std::uint64_t number, std::string body, const std::string& key = "k") {
    auto message = Message::WithId(key + "-" + std::to_string(number), "", std::move(body));
    message.key = key;
    SetNumber(message, number);
    return message;
  }
  void Send(std::initializer_list<std::uint64_t> numbers, const std::string& key = "k") {
    for (const std::uint64_t number : numbers) Publish(Numbered(number, std::to_string(number), key));
  }
  const Strings& Done(const std::string& key = "k") { return done_[key]; }
  static Strings UpTo(std::uint64_t last) {
    Strings all;
    for (std::uint64_t number = 1; number <= last; ++number) all.push_back(std::to_string(number));
    return all;
  }

  MemoryInbox inbox_;
  NumberBounds bounds_;
  std::unique_ptr<OrderByNumber> order_;
  std::map<std::string, Strings> done_;
  std::set<std::string> failed_;
};

TEST_F(OrderByNumberTest, WhatComesInAnotherOrderIsHandledInThatOfTheNumbers) {
  Begin();
  Send({1, 2, 5, 4, 3, 6});
  Send({1, 3, 2}, "other");
  Advance(1s);
  EXPECT_EQ(Done(), UpTo(6));
  EXPECT_EQ(Done("other"), UpTo(3));
  EXPECT_EQ(Stats().unsettled, 0U);
  EXPECT_EQ(order_->missed(), 0U);
  End();
}

TEST_F(OrderByNumberTest, ARepeatChangesNothingWhereverItComes) {
  Begin();
  Send({1, 2, 1, 4, 4, 3, 2, 3, 4, 1});
  Advance(1s);
  EXPECT_EQ(Done(), UpTo(4));
  EXPECT_EQ(order_->repeats(), 6U);
  EXPECT_EQ(order_->late(), 0U);
  EXPECT_EQ(Stats().unsettled, 0U);
  End();
}

TEST_F(OrderByNumberTest, WhatIsEarlyWaitsUnacknowledgedAndOtherKeysGoOn) {
  Begin();
  Send({1, 3, 4});
  Send({1, 2}, "other");
  Advance(29s);
  EXPECT_THAT(Done(), ElementsAre("1"));
  EXPECT_THAT(Done("other"), ElementsAre("1", "2"));
  EXPECT_EQ(Stats().unsettled, 2U);
  EXPECT_EQ(router_.stats().waiting, 2U);
  Send({2});
  Advance(1s);
  EXPECT_EQ(Done(), UpTo(4));
  Advance(60s);
  EXPECT_EQ(order_->missed(), 0U);
  End();
}

TEST_F(OrderByNumberTest, GoesOnOverAGapThatDoesNotCloseAndTakesWhatComesAfterAll) {
  Begin();
  Send({1, 4, 5});
  Advance(bounds_.gap + 100ms);
  EXPECT_THAT(Done(), ElementsAre("1", "4", "5"));
  EXPECT_EQ(order_->missed(), 2U);
  EXPECT_EQ(ledger_.Of(LossCause::kMissed), 2U);
  Send({3, 6, 3});
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("1", "4", "5", "3 late", "6"));
  EXPECT_EQ(order_->late(), 1U);
  // The next gap has its own time.
  Send({8});
  Advance(bounds_.gap - 1s);
  EXPECT_EQ(Done().size(), 5U);
  Advance(1'100ms);
  EXPECT_EQ(Done().back(), "8");
  End();
}

TEST_F(OrderByNumberTest, TheNextGapBeginsToWaitWhenTheOneBeforeClosed) {
  Begin();
  Send({1, 3, 5});
  Advance(20s);
  Send({2});
  Advance(29s);
  EXPECT_THAT(Done(), ElementsAre("1", "2", "3"));
  Advance(2s);
  EXPECT_THAT(Done(), ElementsAre("1", "2", "3", "5"));
  End();
}

TEST_F(OrderByNumberTest, ARestartGivesBackWhatIsEarlyAndKnowsWhatIsDone) {
  Begin();
  Send({1, 2, 5, 4});
  Advance(1s);
  Router next(transport_, timers_);
  Restart(next);
  EXPECT_EQ(router_.stats().returned, 2U);
  Send({2, 1, 3});
  Advance(1s);
  EXPECT_EQ(Done(), UpTo(5));
  EXPECT_EQ(order_->missed(), 0U);
  EXPECT_EQ(order_->repeats(), 2U);
  runner_.Run(next.Stop());
}

TEST_F(OrderByNumberTest, FinishInHandDoesNotWaitForWhatCannotComeAnyMore) {
  Begin(FinishInHand());
  Send({1, 3});
  runner_.Poll();
  bool stopped = false;
  runner_.Spawn([](Router& router, bool& done) -> Task<void> {
    co_await router.Stop(10s);
    done = true;
  }(router_, stopped));
  Advance(10ms);
  EXPECT_TRUE(stopped);
  EXPECT_THAT(Done(), ElementsAre("1"));
  EXPECT_EQ(Stats().ready, 1U);
}

TEST_F(OrderByNumberTest, AnUnknownKeyWaitsForItsFirstAndThenBeginsWithTheLowestThatCame) {
  Begin();
  Send({1, 2}, "new");
  Send({43, 41, 42}, "old");
  Advance(bounds_.gap - 1s);
  EXPECT_THAT(Done("new"), ElementsAre("1", "2"));
  EXPECT_THAT(Done("old"), IsEmpty());
  EXPECT_EQ(order_->missed(), 0U);
  Advance(1'100ms);
  EXPECT_THAT(Done("old"), ElementsAre("41", "42", "43"));
  EXPECT_EQ(order_->missed(), 1U) << "nobody knows how many";
  EXPECT_EQ(ledger_.Of(LossCause::kMissed), 1U);
  Send({44}, "old");
  Advance(10ms);
  EXPECT_THAT(Done("old"), ElementsAre("41", "42", "43", "44"));
  End();
}

TEST_F(OrderByNumberTest, AConsumerThatIsNewMayLookForLess) {
  bounds_.look = 1s;
  Begin();
  Send({43, 41, 42}, "old");
  Send({1, 3}, "new");
  Advance(900ms);
  EXPECT_THAT(Done("old"), IsEmpty());
  Advance(200ms);
  EXPECT_THAT(Done("old"), ElementsAre("41", "42", "43"));
  EXPECT_EQ(ledger_.Of(LossCause::kMissed), 1U) << "counted all the same";
  EXPECT_THAT(Done("new"), ElementsAre("1")) << "of this one something is known";
  End();
}

TEST_F(OrderByNumberTest, TheFirstOfAKeyKeepsItsPlaceOverAStopWhileItIsRetried) {
  Begin(Retry().Delayed(5s).Jitter(0));
  Publish(Numbered(1, "weak 1"));
  Send({2, 3});
  Advance(1s);
  Router next(transport_, timers_);
  Restart(next);
  Advance(3s);
  EXPECT_THAT(Done(), IsEmpty());
  Advance(2s);
  EXPECT_THAT(Done(), ElementsAre("weak 1", "2", "3"));
  EXPECT_EQ(order_->missed(), 0U);
  runner_.Run(next.Stop());
}

TEST_F(OrderByNumberTest, MoreThanFitsIntoThePrefetchMayComeEarly) {
  constexpr std::uint64_t kLast = 60;
  Begin(Prefetch(6));
  Send({1});
  for (std::uint64_t number = 3; number <= kLast; ++number) Send({number});
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("1"));
  EXPECT_LE(Stats().unsettled, 6U) << "no more than the prefetch is in hand";
  Send({2});
  Advance(25s);
  EXPECT_EQ(Done(), UpTo(kLast));
  EXPECT_GT(order_->given_back(), 0U);
  EXPECT_EQ(order_->missed(), 0U);
  EXPECT_THAT(Take("q.dead"), IsEmpty());
  End();
}

TEST_F(OrderByNumberTest, WhereNothingComesForwardTheBoundInTimeHolds) {
  Begin(Prefetch(4));
  for (std::uint64_t number = 2; number <= 30; ++number) Send({number});
  Send({1, 3, 4}, "other");
  Advance(3 * bounds_.gap);
  EXPECT_EQ(Done().size(), 29U);
  EXPECT_TRUE(std::ranges::is_sorted(Done(), {}, [](const std::string& text) { return std::stoi(text); }));
  EXPECT_THAT(Done("other"), ElementsAre("1", "3", "4"));
  EXPECT_THAT(Take("q.dead"), IsEmpty()) << "giving back is no failure";
  End();
}

// What waits for it longest is away when its time is over.
TEST_F(OrderByNumberTest, AGapIsPassedOverWhateverIsInHandThen) {
  constexpr std::uint64_t kLast = 60;
  Begin(Prefetch(1));
  Send({1});
  for (std::uint64_t number = 3; number <= kLast; ++number) Send({number});
  Advance(5min);
  Strings all = UpTo(kLast);
  all.erase(all.begin() + 1);
  EXPECT_EQ(Done(), all);
  EXPECT_EQ(order_->missed(), 1U);
  EXPECT_EQ(order_->late(), 0U);
  End();
}

TEST_F(OrderByNumberTest, WhatIsBuriedHasHadItsTurn) {
  Begin();
  Send({1});
  Publish(Numbered(2, "bad"));
  Send({4});
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("1"));
  Send({3});
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("1", "3", "4"));
  Publish(Numbered(5, "bad"));
  Advance(1s);
  Router next(transport_, timers_);
  Restart(next);
  Send({6});
  Advance(100ms);
  EXPECT_EQ(Done().back(), "6");
  EXPECT_EQ(order_->missed(), 0U);
  EXPECT_EQ(Take("q.dead").size(), 2U);
  runner_.Run(next.Stop());
}

TEST_F(OrderByNumberTest, WhatIsRetriedKeepsItsPlace) {
  Begin(Retry().Delayed(5s).Jitter(0));
  Send({4, 1});
  Publish(Numbered(2, "weak 2"));
  Send({3});
  Advance(4s);
  EXPECT_THAT(Done(), ElementsAre("1"));
  Advance(2s);
  EXPECT_THAT(Done(), ElementsAre("1", "weak 2", "3", "4"));
  End();
}

// Stopped while its retry is waited for, it goes back with its delay, and what came after it is handed out first.
TEST_F(OrderByNumberTest, ARetryThatAStopInterruptedKeepsItsPlace) {
  Begin(Retry().Delayed(5s).Jitter(0));
  Send({1});
  Publish(Numbered(2, "weak 2"));
  Send({3, 4});
  Advance(1s);
  Router next(transport_, timers_);
  Restart(next);
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("1"));
  Advance(5s);
  EXPECT_THAT(Done(), ElementsAre("1", "weak 2", "3", "4"));
  EXPECT_EQ(order_->missed(), 0U);
  runner_.Run(next.Stop());
}

TEST_F(OrderByNumberTest, WhatBearsNoNumberIsHandledAsItComes) {
  Begin();
  Publish(Numbered(1, "weak 1"));
  Send({2, 4});
  Message plain("plain");
  plain.key = "k";
  Publish(std::move(plain));
  Message keyless("keyless");
  SetNumber(keyless, 7);
  Publish(std::move(keyless));
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("weak 1", "2", "plain")) << "behind what was let in, before what waits";
  EXPECT_THAT(Done(""), ElementsAre("keyless"));
  End();
}

TEST_F(OrderByNumberTest, NumbersThatOnlyRiseSayWhichCameBefore) {
  const auto rising = [&](std::uint64_t number, std::uint64_t after) {
    Message message = Numbered(number, std::to_string(number));
    SetNumber(message, number, after);
    Publish(std::move(message));
  };
  Begin();
  rising(170, 90);
  rising(90, 12);
  rising(12, 0);
  Advance(1s);
  EXPECT_THAT(Done(), ElementsAre("12", "90", "170"));
  rising(500, 400);
  Advance(bounds_.gap + 100ms);
  EXPECT_EQ(Done().back(), "500");
  EXPECT_EQ(order_->missed(), 1U);
  End();
}

TEST_F(OrderByNumberTest, PublishersOfOneKeyNumberForThemselves) {
  Numbering ann;
  Numbering bob;
  std::map<std::string, std::vector<Message>> of;
  for (int i = 0; i < 4; ++i) {
    for (auto* numbering : {&ann, &bob}) {
      const std::string name = numbering == &ann ? "ann" : "bob";
      Message message(name + std::to_string(i));
      message.key = "k";
      ASSERT_TRUE(numbering->Stamp(message));
      of[name].push_back(std::move(message));
    }
  }
  Begin();
  for (const int i : {0, 2, 1, 3}) Publish(of["ann"][static_cast<std::size_t>(i)]);
  for (const int i : {3, 0, 1, 2}) Publish(of["bob"][static_cast<std::size_t>(i)]);
  Advance(1s);
  EXPECT_EQ(Done().size(), 8U);
  for (const std::string name : {"ann", "bob"}) {
    Strings its;
    std::ranges::copy_if(Done(), std::back_inserter(its), [&](const auto& body) { return body.starts_with(name); });
    EXPECT_THAT(its, ElementsAre(name + "0", name + "1", name + "2", name + "3"));
  }
  End();
}

TEST_F(OrderByNumberTest, ConsumersThatCompeteShareTheOrder) {
  constexpr std::uint64_t kLast = 40;
  Router second(transport_, timers_);
  Subscribe(second, inbox_, Prefetch(4));
  Begin(Prefetch(4));
  Start(second);
  for (std::uint64_t number = 1; number <= kLast; ++number) Send({number});
  Advance(10s);
  EXPECT_EQ(Done(), UpTo(kLast));
  EXPECT_GT(router_.stats().done, 5U);
  EXPECT_GT(second.stats().done, 5U);
  runner_.Run(second.Stop());
  End();
}

// The others see it in nobody's hands that they know, for longer than a gap.
TEST_F(OrderByNumberTest, ConsumersThatCompeteWaitForWhatOneOfThemTriesAgain) {
  const Retry retry = Retry().Delayed(2 * bounds_.gap).Jitter(0);
  Router second(transport_, timers_);
  Begin(Prefetch(1), retry);
  Publish(Numbered(1, "weak 1"));
  Advance(10ms);
  Subscribe(second, inbox_, Prefetch(1), retry);
  Start(second);
  Send({2});
  Advance(2 * bounds_.gap - 1s);
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(router_.stats().waiting, 1U);
  Advance(10s);
  EXPECT_THAT(Done(), ElementsAre("weak 1", "2"));
  EXPECT_EQ(second.stats().done, 1U);
  EXPECT_EQ(ledger_.Of(LossCause::kMissed), 0U);
  // And no longer than that.
  Send({4});
  Advance(bounds_.gap + retry.Longest() / 3 * 4 + 10s);
  EXPECT_EQ(Done().back(), "4");
  EXPECT_EQ(ledger_.Of(LossCause::kMissed), 1U);
  runner_.Run(second.Stop());
  End();
}

TEST_F(OrderByNumberTest, WaitsWhileTheInboxDoesNotAnswer) {
  FlakyInbox flaky(inbox_);
  Send({1, 2});
  Begin();
  Advance(1s);
  End();
  Router next(transport_, timers_);
  Subscribe(next, flaky, Prefetch(4));
  flaky.down = true;
  Start(next);
  for (std::uint64_t number = 4; number <= 9; ++number) Send({number});
  Advance(2 * bounds_.gap);
  EXPECT_THAT(Done(), ElementsAre("1", "2"));
  flaky.down = false;
  Send({3});
  Advance(20s);
  EXPECT_EQ(Done(), UpTo(9));
  EXPECT_EQ(order_->missed(), 0U);
  EXPECT_THAT(Take("q.dead"), IsEmpty());
  runner_.Run(next.Stop());
}

// Whatever order they come in, however often, however often handlers fail and routers are stopped in the midst of it.
TEST_F(OrderByNumberTest, EachIsHandledOnceInOrderAfterAnyHistory) {
  constexpr std::uint64_t kEach = 25;
  const Strings keys{"a", "b", "c"};
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 random(seed);
    done_.clear();
    failed_.clear();
    MemoryInbox inbox;
    bounds_.gap = 10min;
    std::vector<Message> all;
    for (std::uint64_t number = 1; number <= kEach; ++number) {
      for (const std::string& key : keys) {
        const std::string text = (random() % 5 == 0 ? "weak" : "") + std::to_string(number);
        const std::uint32_t times = 1 + random() % 2;
        for (std::uint32_t i = 0; i < times; ++i) all.push_back(Numbered(number, text, key));
      }
    }
    std::ranges::shuffle(all, random);
    auto router = std::make_unique<Router>(transport_, timers_);
    const auto start = [&] {
      router = std::make_unique<Router>(transport_, timers_);
      Subscribe(*router, inbox, Prefetch(8));
      Start(*router);
    };
    start();
    for (std::size_t i = 0; i < all.size(); ++i) {
      Publish(all[i]);
      if (i % 40 != 39) continue;
      Advance(std::chrono::milliseconds(random() % 20));
      runner_.Spawn([](Router& stopping) -> Task<void> { co_await stopping.Stop(5ms, 5ms); }(*router));
      Advance(20ms);
      start();
    }
    for (int i = 0; i < 600 && Stats().ready + Stats().unsettled + Stats().delayed > 0; ++i) Advance(1s);
    EXPECT_EQ(order_->missed(), 0U);
    for (const std::string& key : keys) {
      Strings numbers = Done(key);
      for (std::string& text : numbers) text = text.starts_with("weak") ? text.substr(4) : text;
      EXPECT_EQ(numbers, UpTo(kEach)) << key << ", seed " << seed;
    }
    EXPECT_EQ(Stats().ready + Stats().unsettled + Stats().delayed, 0U);
    runner_.Run(router->Stop());
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Numbering, CountsEachKeyFromWhereTheCallerSaysItIs) {
  int asked = 0;
  Numbering numbering(
      [&](const std::string& key) -> Result<std::uint64_t> {
        ++asked;
        if (key == "broken") return Fail(ErrorCode::kUnavailable, "no table");
        return key == "old" ? 41 : 0;
      },
      "shop");
  const auto number = [&](const std::string& key) {
    Message message("x");
    message.key = key;
    const Status numbered = numbering.Stamp(message);
    return numbered ? std::string(message.headers.Get(header::kNumber)) : numbered.error().message();
  };
  EXPECT_EQ(number("old"), "42");
  EXPECT_EQ(number("new"), "1");
  EXPECT_EQ(number("old"), "43");
  EXPECT_EQ(number(""), "");
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(number("broken"), ::testing::HasSubstr("no table"));
}

class NumberingOfMany : public ::testing::Test {
 protected:
  static SequencePlace Stamp(Numbering& numbering, const std::string& key) {
    Message message("x");
    message.key = key;
    EXPECT_TRUE(numbering.Stamp(message));
    return *SequencePlace::Of(message);
  }
  // As many that were not there before as are kept; `between` is called now and then.
  void StampOthers(Numbering& numbering, const std::function<void()>& between) {
    Message message("x");
    for (std::size_t i = 0; i < Numbering::kMostKeys; ++i) {
      message.key = "other" + std::to_string(++others_);
      ASSERT_TRUE(numbering.Stamp(message));
      if (i % 20'000 == 0) between();
    }
  }
  std::size_t others_ = 0;
};

TEST_F(NumberingOfMany, AKeyThatIsInUseIsNotForgotten) {
  Numbering numbering;
  const SequencePlace first = Stamp(numbering, "k");
  std::uint64_t number = 1;
  StampOthers(numbering, [&] {
    const SequencePlace next = Stamp(numbering, "k");
    EXPECT_EQ(next.sequence(), first.sequence());
    EXPECT_EQ(next.number(), ++number);
  });
}

TEST_F(NumberingOfMany, AKeyThatWasForgottenGoesByANameThatItNeverHad) {
  Numbering numbering;
  std::set<std::string> names;
  for (int life = 0; life < 2; ++life) {
    for (std::uint64_t number = 1; number <= 2; ++number) {
      const SequencePlace place = Stamp(numbering, "k");
      EXPECT_EQ(place.number(), number);
      names.insert(place.sequence());
    }
    StampOthers(numbering, [] {});
  }
  EXPECT_EQ(names.size(), 2U);
}

TEST_F(NumberingOfMany, WhereTheStoreKnowsAForgottenKeyGoesOn) {
  std::uint64_t stored = 0;
  int asked = 0;
  Numbering numbering([&](const std::string& key) -> Result<std::uint64_t> {
    if (key != "k") return 0;
    ++asked;
    return stored;
  });
  for (std::uint64_t number = 1; number <= 2; ++number) {
    const SequencePlace place = Stamp(numbering, "k");
    EXPECT_EQ(place.sequence(), "k");
    EXPECT_EQ(place.number(), number);
    stored = number;
    StampOthers(numbering, [] {});
  }
  EXPECT_EQ(asked, 2);
}

TEST(Numbering, APlaceIsReadAsItWasWritten) {
  Message message("x");
  message.key = "k";
  EXPECT_FALSE(SequencePlace::Of(message));
  SetNumber(message, 7);
  EXPECT_EQ(SequencePlace::Of(message)->sequence(), "k");
  EXPECT_EQ(SequencePlace::Of(message)->number(), 7U);
  EXPECT_EQ(SequencePlace::Of(message)->after(), 6U);
  SetNumber(message, 9, 4, "shop");
  EXPECT_NE(SequencePlace::Of(message)->sequence(), "k");
  EXPECT_EQ(SequencePlace::KeyOf(SequencePlace::Of(message)->sequence()), "k");
  EXPECT_EQ(SequencePlace::Of(message)->after(), 4U);
  SetNumber(message, 10);
  EXPECT_EQ(SequencePlace::Of(message)->sequence(), "k");
  EXPECT_EQ(SequencePlace::Of(message)->after(), 9U);
  for (const std::string bad : {"0", "-1", "x", "99999999999999999999"}) {
    message.headers.Set(header::kNumber, bad);
    EXPECT_FALSE(SequencePlace::Of(message)) << bad;
  }
}

}  // namespace
}  // namespace tidings::messaging
