#include <tidings/messaging/message.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/loss_report.hpp>
#include <tidings/messaging/streams.hpp>

namespace tidings::messaging {
namespace {

TEST(Headers, KeepTheirOrderAndTheLastValue) {
  Headers headers = {{"a", "1"}, {"b", ""}, {"a", "2"}};
  EXPECT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.Get("a"), "2");
  EXPECT_TRUE(headers.Has("b"));
  EXPECT_FALSE(headers.Find("c"));
  headers.Set("n", "17");
  EXPECT_EQ(headers.Number("n"), 17u);
  EXPECT_FALSE(headers.Number("b"));
  headers.SetDefault("n", "18");
  EXPECT_EQ(headers.Get("n"), "17");
  headers.Remove("a");
  EXPECT_EQ(headers.begin()->first, "b");
}

TEST(Message, HasAnIdOfItsOwn) {
  EXPECT_NE(Message("x").id, Message("x").id);
  EXPECT_EQ(Message::WithId("7", "t", "b").id, "7");
}

TEST(Message, IsCheckedAgainstEveryBound) {
  EXPECT_TRUE(Check(Message(std::string("\0\xff", 2))));
  EXPECT_FALSE(Check(Message::WithId("", "", "")));
  EXPECT_FALSE(Check(Message::WithId("a b", "", "")));
  EXPECT_FALSE(Check(Message::WithId(std::string(129, 'i'), "", "")));
  EXPECT_FALSE(Check(Message(std::string(256, 't'), "")));
  EXPECT_EQ(Check(Message(std::string(Message::kMostBody + 1, 'b'))).error().code(), ErrorCode::kTooLarge);
  Message message("x");
  message.headers.Set("bad name", "");
  EXPECT_FALSE(Check(message));
  message.headers = Headers();
  message.headers.Set("h", std::string(Headers::kMostHeaderBytes, 'v'));
  EXPECT_FALSE(Check(message));
  message.headers = Headers();
  for (std::size_t i = 0; i <= Headers::kMostHeaders; ++i) message.headers.Set("h" + std::to_string(i), "");
  EXPECT_FALSE(Check(message));
}

TEST(Following, InheritsTheConversation) {
  Message first("a", "");
  first.headers.Set(header::kTraceParent, "00-1-2-01");
  const Message second = Following(first, "b", "");
  const Message third = Following(second, "c", "");
  EXPECT_EQ(second.headers.Get(header::kCorrelationId), first.id);
  EXPECT_EQ(third.headers.Get(header::kCorrelationId), first.id);
  EXPECT_EQ(third.headers.Get(header::kCausationId), second.id);
  EXPECT_EQ(third.headers.Get(header::kTraceParent), "00-1-2-01");
}

TEST(StreamId, IsWrittenAsRedisDoes) {
  EXPECT_EQ(StreamId(17, 3).Text(), "17-3");
  EXPECT_EQ(StreamId::Parse("17-3"), StreamId(17, 3));
  EXPECT_EQ(StreamId::Parse("17"), StreamId(17, 0));
  EXPECT_EQ(StreamId::Parse("18446744073709551615-9999999999999999999"),
            StreamId(18446744073709551615U, 9999999999999999999U));
  for (const char* wrong : {"", "-", "1-", "-1", "x", "1-x", "1 ", "18446744073709551616"}) {
    EXPECT_FALSE(StreamId::Parse(wrong)) << wrong;
  }
  EXPECT_LT(StreamId(2, 9), StreamId(10, 0));
}

TEST(LossLedger, CountsByCauseAndPlace) {
  LossLedger ledger;
  ledger.Count(LossCause::kExpired, "q", 2);
  ledger.Count(LossCause::kExpired, "r");
  ledger.Count(LossCause::kTrimmed, "s", 0);
  EXPECT_EQ(ledger.Of(LossCause::kExpired), 3u);
  EXPECT_EQ(ledger.All().size(), 2u);
  for (int i = 0; i < 2000; ++i) ledger.Count(LossCause::kUnrouted, std::to_string(i));
  EXPECT_LE(ledger.All().size(), 1002u);
  EXPECT_EQ(ledger.Of(LossCause::kUnrouted), 2000u);
  const std::vector<std::pair<std::string, std::uint64_t>> causes = {{"expired", 3}, {"unrouted", 2000}};
  EXPECT_EQ(ledger.ByCause(), causes);
}

TEST(LossLedger, ShowsEachCauseAsOneFamily) {
  LossLedger ledger;
  ledger.Count(LossCause::kExpired, "q", 2);
  ledger.Count(LossCause::kExpired, "r");
  ledger.Count(LossCause::kUnclaimed, "replies");
  EXPECT_EQ(LossMetrics(ledger),
            "# HELP tidings_messages_lost_total Messages that vanished by right, by cause.\n"
            "# TYPE tidings_messages_lost_total counter\n"
            "tidings_messages_lost_total{cause=\"expired\"} 3\n"
            "tidings_messages_lost_total{cause=\"trimmed\"} 0\n"
            "tidings_messages_lost_total{cause=\"max-length\"} 0\n"
            "tidings_messages_lost_total{cause=\"unrouted\"} 0\n"
            "tidings_messages_lost_total{cause=\"pub-sub-gap\"} 0\n"
            "tidings_messages_lost_total{cause=\"slow\"} 0\n"
            "tidings_messages_lost_total{cause=\"no-dead-letter\"} 0\n"
            "tidings_messages_lost_total{cause=\"purged\"} 0\n"
            "tidings_messages_lost_total{cause=\"missed\"} 0\n"
            "tidings_messages_lost_total{cause=\"overdue\"} 0\n"
            "tidings_messages_lost_total{cause=\"unclaimed\"} 1\n");
}

TEST(LossLedger, IsToldOfInOneLine) {
  LossLedger ledger;
  ::testing::internal::CaptureStderr();
  LogLosses(ledger, "worker archive");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "nothing was lost";
  ledger.Count(LossCause::kExpired, "q", 2);
  ledger.Count(LossCause::kUnrouted, "r");
  ::testing::internal::CaptureStderr();
  LogLosses(ledger, "worker archive");
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_NE(line.find("\"messages_lost\""), std::string::npos) << line;
  EXPECT_NE(line.find("\"worker archive\""), std::string::npos) << line;
  EXPECT_NE(line.find("\"expired 2, unrouted 1\""), std::string::npos) << line;
}

}  // namespace
}  // namespace tidings::messaging
