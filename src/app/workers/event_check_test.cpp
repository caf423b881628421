#include "event_check.hpp"

#include <gtest/gtest.h>

namespace tidings::app {
namespace {

messaging::Message Event() {
  auto event = messaging::Message::WithId("e1", "message.created", "{}");
  event.key = "r1";
  event.headers = {{"cloudEvents:time", "2026-11-26T23:59:59.999Z"}, {"seq", "7"}};
  return event;
}

TEST(EventCheck, TakesWhatTheServerPublishes) {
  EXPECT_TRUE(CheckEvent(Event()));
  EXPECT_TRUE(CheckTimedEvent(Event()));
  auto by_subject = Event();
  by_subject.key.clear();
  by_subject.headers.Set("cloudEvents:subject", "r1");
  EXPECT_TRUE(CheckEvent(by_subject));
}

TEST(EventCheck, RefusesRooms) {
  EXPECT_TRUE(IsRoomId("Az0_-"));
  for (const char* room : {"", "..", "a/b", "a b", "\xff\xfe", "grüße"}) {
    auto event = Event();
    event.key = room;
    const Status checked = CheckEvent(event);
    ASSERT_FALSE(checked) << room;
    EXPECT_EQ(checked.error().code(), ErrorCode::kMalformed);
  }
  auto event = Event();
  event.key = std::string(65, 'a');
  EXPECT_FALSE(CheckEvent(event));
}

TEST(EventCheck, RefusesTypesNumbersAndTimes) {
  for (const char* type : {"", "\xff", "message created", "a\r\nb"}) {
    auto event = Event();
    event.type = type;
    EXPECT_FALSE(CheckEvent(event)) << type;
  }
  for (const char* seq : {"", "0", "-1", "1e3", "9007199254740992", "18446744073709551615", "x"}) {
    auto event = Event();
    event.headers.Set("seq", seq);
    EXPECT_FALSE(CheckEvent(event)) << seq;
  }
  for (const char* time : {"", "2026-11-26", "2026-11-26T23:59:59.999\xff", "2026-13-26T00:00:00.000Z"}) {
    auto event = Event();
    event.headers.Set("cloudEvents:time", time);
    EXPECT_TRUE(CheckEvent(event)) << time;
    EXPECT_FALSE(CheckTimedEvent(event)) << time;
  }
}

TEST(EventCheck, HeaderValuesHaveNoLineEnds) {
  EXPECT_TRUE(IsHeaderValue("01976f00-0000-7000-8000-000000000000"));
  for (const std::string text : {"", "a b", "a\r\nx: y", "a\n", "\x7f", "\xc3\xbc"}) EXPECT_FALSE(IsHeaderValue(text));
  EXPECT_FALSE(IsHeaderValue(std::string("a\0b", 3)));
  EXPECT_FALSE(IsHeaderValue(std::string(256, 'a')));
}

}  // namespace
}  // namespace tidings::app
