#include "archive/archive_line.hpp"

#include <gtest/gtest.h>

#include <tidings/base/json.hpp>

namespace tidings::app {
namespace {

messaging::Message Event(std::string type, std::string body) {
  auto event = messaging::Message::WithId("e1", std::move(type), std::move(body));
  event.key = "r1";
  event.headers = {{"cloudEvents:time", "2026-11-26T23:59:59.999Z"}, {"seq", "7"}};
  return event;
}

TEST(ArchiveLine, IsTheEventWithItsDocument) {
  const auto line =
      MakeArchiveLine(Event("message.created", R"({"_id":"m1","text":"hi","created_at":"2026-11-26T23:59:59.999Z"})"));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->day, "2026-11-26");
  EXPECT_EQ(line->message, "m1");
  EXPECT_FALSE(line->deletes);
  EXPECT_EQ(line->text, R"({"type":"message.created","id":"e1","room":"r1","seq":7,"at":"2026-11-26T23:59:59.999Z",)"
                        R"("data":{"_id":"m1","text":"hi","created_at":"2026-11-26T23:59:59.999Z"}})"
                        "\n");
  const auto deleted = MakeArchiveLine(
      Event("message.deleted", R"({"seq":7,"data":{"_id":"m1","created_at":"2026-11-01T00:00:00.000Z"}})"));
  ASSERT_TRUE(deleted);
  EXPECT_TRUE(deleted->deletes);
  EXPECT_EQ(deleted->created, "2026-11-01");
}

TEST(ArchiveLine, RefusesWhatIsNoEventOfAMessage) {
  for (const char* body : {"", "[]", "{}", R"({"data":7})", "{\"_id\":7}"}) {
    EXPECT_FALSE(MakeArchiveLine(Event("message.created", body))) << body;
  }
  auto elsewhere = Event("message.created", R"({"_id":"m1"})");
  elsewhere.key = "../../etc";
  EXPECT_FALSE(MakeArchiveLine(elsewhere));
}

TEST(ArchiveLine, ADeletedMessageLosesWhatItSaidAlsoWhereItIsQuoted) {
  const std::string line =
      R"({"type":"message.created","seq":1,"data":{"_id":"m1","text":"secret","media":[{"_id":"x"}],)"
      R"("contact":{"name":"Ann"},"reply_to":{"_id":"m0","text":"other"},"links":[{"url":"u"}]}})";
  const auto redacted = RedactLine(line, "m1");
  ASSERT_TRUE(redacted);
  EXPECT_EQ(redacted->find("secret"), std::string::npos);
  EXPECT_EQ(redacted->find("Ann"), std::string::npos);
  EXPECT_NE(redacted->find("other"), std::string::npos);
  EXPECT_NE(redacted->find(R"("redacted":true)"), std::string::npos);
  EXPECT_FALSE(RedactLine(*redacted, "m1")) << "once is enough";
  const auto quote = RedactLine(line, "m0");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->find("other"), std::string::npos);
  EXPECT_NE(quote->find("secret"), std::string::npos);
  EXPECT_FALSE(RedactLine(line, "m2"));
}

}  // namespace
}  // namespace tidings::app
