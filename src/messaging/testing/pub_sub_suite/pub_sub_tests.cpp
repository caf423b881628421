#include "testing/pub_sub_suite.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(PubSubSuite, IsThereWhereItIsClaimed) { EXPECT_EQ(transport().pub_sub() != nullptr, capabilities().pub_sub); }

TEST_P(PubSubSuite, EachSubscriberGetsEachMessageWhole) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  const auto one = Subscribe({topic});
  const auto other = Subscribe({topic});
  for (int i = 0; i < 100; ++i) {
    Message message = Numbered(i);
    message.key = "key";
    message.headers.Set("bytes", std::string("\0\xff\r\n", 4));
    message.headers.Set("empty", "");
    const std::size_t reached = Send(topic, message);
    EXPECT_TRUE(reached == 2 || reached == 1) << "the number of subscribers, or 1 where it is not known";
    for (Subscription* const subscription : {one.get(), other.get()}) {
      const Notice notice = Receive(*subscription);
      ASSERT_FALSE(notice.gap()) << notice.reason();
      EXPECT_EQ(notice.topic(), topic);
      EXPECT_EQ(notice.message(), message);
    }
  }
}

TEST_P(PubSubSuite, OneTopicsMessagesAreNeverSeenOnAnother) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string a = Name("topic");
  const std::string b = Name("topic");
  const std::string c = Name("topic");
  const auto ab = Subscribe({a, b});
  const auto only_c = Subscribe({c, c});
  Send(a, Numbered(1));
  Send(c, Numbered(2));
  Send(b, Numbered(3));
  EXPECT_EQ(Receive(*ab).message().body, "1");
  const Notice third = Receive(*ab);
  EXPECT_EQ(third.message().body, "3");
  EXPECT_EQ(third.topic(), b);
  EXPECT_EQ(Receive(*only_c).message().body, "2");
  Send(c, Numbered(4));
  EXPECT_EQ(Receive(*only_c).message().body, "4") << "named twice is named once";
}

TEST_P(PubSubSuite, KeepsTheOrderOfATopic) {
  if (!capabilities().pub_sub || !features().steady) GTEST_SKIP() << "does not claim publish/subscribe, or order";
  const std::string topic = Name("topic");
  const auto subscription = Subscribe({topic});
  const int count = Large() ? 1'000 : 200;
  for (int i = 0; i < count; ++i) Send(topic, Numbered(i));
  for (int i = 0; i < count; ++i) ASSERT_EQ(Receive(*subscription).message().body, std::to_string(i));
}

TEST_P(PubSubSuite, NothingIsKeptForThoseWhoComeLater) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  Send(topic, Numbered(0));
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 1U) << "nobody listened";
  const auto subscription = Subscribe({topic});
  Send(topic, Numbered(1));
  EXPECT_EQ(Receive(*subscription).message().body, "1");
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 1U);
}

TEST_P(PubSubSuite, ANextWaitsForWhatComes) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  const auto subscription = Subscribe({topic});
  const auto pending = Await(*subscription);
  Settle();
  EXPECT_FALSE(pending->ended);
  Send(topic, Numbered(5));
  ASSERT_TRUE(Until([&] { return pending->ended; }));
  EXPECT_EQ(Must(std::move(*pending->result)).message().body, "5");
}

TEST_P(PubSubSuite, StoppingEndsANextThatWaits) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  auto stopped = Subscribe({topic});
  auto dropped = Subscribe({topic});
  const auto first = Await(*stopped);
  const auto second = Await(*dropped);
  Settle();
  Run(stopped->Stop());
  Run(stopped->Stop());
  dropped.reset();
  ASSERT_TRUE(Until([&] { return first->ended && second->ended; }));
  EXPECT_EQ(CodeOf(*first->result), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(stopped->Next())), ErrorCode::kUnavailable);
}

TEST_P(PubSubSuite, ClosingTheTransportEndsANextThatWaits) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  const auto subscription = Subscribe({topic});
  const auto pending = Await(*subscription);
  Settle();
  Run(transport().Close());
  ASSERT_TRUE(Until([&] { return pending->ended; }));
  EXPECT_EQ(CodeOf(*pending->result), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(pub_sub().Publish(topic, Numbered(0)))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(pub_sub().Subscribe({topic}))), ErrorCode::kUnavailable);
}

// Whoever is too slow is told so, where it happened, and goes on.
TEST_P(PubSubSuite, ASlowSubscriberIsToldOfAGap) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  const auto slow = Subscribe({topic});
  const auto quick = Subscribe({topic});
  const int count = 3'000;
  for (int i = 0; i < count; ++i) {
    Send(topic, Numbered(i));
    const Notice notice = Receive(*quick);
    ASSERT_FALSE(notice.gap()) << "one who is slow does not harm others";
    ASSERT_EQ(notice.message().body, std::to_string(i));
  }
  Settle();
  std::vector<int> seen;
  int gaps = 0;
  bool explained = true;
  // Up to the end, which the slow one gets again as soon as there is room.
  Send(topic, Numbered(count));
  while (gaps == 0 || seen.empty() || seen.back() != count + 1) {
    const Notice notice = Receive(*slow);
    if (notice.gap()) {
      ++gaps;
      explained = true;
      Send(topic, Numbered(count + 1));
      continue;
    }
    const int number = std::stoi(notice.message().body);
    if (seen.empty() ? number != 0 : number > seen.back() + 1) EXPECT_TRUE(explained) << "before " << number;
    explained = false;
    seen.push_back(number);
  }
  EXPECT_GE(gaps, 1);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_LT(seen.size(), static_cast<std::size_t>(count)) << "what waits is bounded";
  // All that it did not see was counted; the last number was sent once a gap.
  const std::uint64_t lost = ledger().Of(LossCause::kSlow);
  EXPECT_GE(std::set(seen.begin(), seen.end()).size() + lost, static_cast<std::uint64_t>(count) + 2);
  EXPECT_LE(seen.size() + lost, static_cast<std::uint64_t>(count + 1 + gaps));
  EXPECT_GE(ledger().Of(LossCause::kPubSubGap), 1U);
}

TEST_P(PubSubSuite, ABrokenConnectionIsAGap) {
  if (!capabilities().pub_sub || !features().cuts) GTEST_SKIP() << "has no connections that break";
  const std::string topic = Name("topic");
  const auto subscription = Subscribe({topic});
  Send(topic, Numbered(1));
  EXPECT_EQ(Receive(*subscription).message().body, "1");
  environment().CutConnections();
  const Notice gap = Receive(*subscription);
  ASSERT_TRUE(gap.gap());
  EXPECT_FALSE(gap.reason().empty());
  EXPECT_GE(ledger().Of(LossCause::kPubSubGap), 1U);
  // It listens again by itself.
  ASSERT_TRUE(Until([&] {
    const auto sent = Run(pub_sub().Publish(topic, Numbered(2)));
    return sent && *sent > 0;
  }));
  Notice next = Receive(*subscription);
  while (next.gap()) next = Receive(*subscription);
  EXPECT_EQ(next.message().body, "2");
}

TEST_P(PubSubSuite, AServerThatStartsAgainIsAGap) {
  if (!capabilities().pub_sub || !features().server) GTEST_SKIP() << "has no server";
  const std::string topic = Name("topic");
  const auto subscription = Subscribe({topic});
  environment().KillServer();
  environment().StartServer();
  EXPECT_TRUE(Receive(*subscription).gap());
  ASSERT_TRUE(Until([&] {
    const auto sent = Run(pub_sub().Publish(topic, Numbered(1)));
    return sent && *sent > 0;
  })) << "it listens again by itself";
  Notice next = Receive(*subscription);
  while (next.gap()) next = Receive(*subscription);
  EXPECT_EQ(next.message().body, "1");
}

TEST_P(PubSubSuite, RefusesWhatIsOutOfBounds) {
  if (!capabilities().pub_sub) GTEST_SKIP() << "does not claim publish/subscribe";
  const std::string topic = Name("topic");
  EXPECT_EQ(CodeOf(Run(pub_sub().Publish(topic, Message::WithId("", "", "")))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Run(pub_sub().Publish("", Numbered(0)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Run(pub_sub().Subscribe({}))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Run(pub_sub().Subscribe({topic, "a b"}))), ErrorCode::kInvalid);
}

TEST_P(PubSubSuite, ReachesSubscribersOfOtherTransports) {
  if (!capabilities().pub_sub || !features().several) GTEST_SKIP() << "one transport is all there is";
  const std::string topic = Name("topic");
  const auto subscription = Subscribe({topic});
  const auto other = Open();
  Must(Run(other->pub_sub()->Publish(topic, Numbered(9))));
  EXPECT_EQ(Receive(*subscription).message().body, "9");
  Run(other->Close());
}

}  // namespace
}  // namespace tidings::messaging::testing
