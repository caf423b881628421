#include <tidings/chat/draft.hpp>

#include <gtest/gtest.h>

#include <tidings/chat/engine.hpp>

namespace tidings::chat {
namespace {

Result<SendDraft> Parse(std::string_view text, bool admin = false) {
  return ParseSend("room", json::Parse(text)->get_object(), admin, Limits());
}

TEST(ParseSend, DerivesTheType) {
  EXPECT_EQ(Parse(R"({"text":"a"})")->type, MessageType::kText);
  EXPECT_EQ(Parse(R"({"images":[{"filename":"a.png","type":"image/png"}]})")->type, MessageType::kImage);
  EXPECT_EQ(Parse(R"({"contact":{"name":"Ann"},"images":[{"filename":"a"}],"text":"x"})")->type, MessageType::kContact);
  EXPECT_EQ(Parse(R"({"text":"a","messageType":"image"})").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(Parse(R"({"text":"a","messageType":"system"})").error().code(), ErrorCode::kForbidden);
  EXPECT_EQ(Parse(R"({"text":"a","messageType":"system"})", true)->type, MessageType::kSystem);
}

TEST(ParseSend, AlertsWithTheFirstImagesType) {
  EXPECT_EQ(Parse(R"({"images":[{"filename":"a","type":"image/gif"},{"filename":"b","type":"image/png"}]})")->alert,
            "image/gif");
  EXPECT_EQ(Parse(R"({"text":"x","images":[{"filename":"a"},{"filename":"b","type":"image/png"}]})")->alert, "image");
  EXPECT_EQ(Parse(R"({"contact":{"name":"Ann"},"images":[{"filename":"a"}]})")->alert, "contact");
  EXPECT_EQ(Parse(R"({"text":"x"})")->alert, "");
}

TEST(ParseSend, RefusesWhatIsNoMessage) {
  for (const char* text : {"{}", R"({"text":""})", R"({"text":" \n"})", R"({"text":5})", R"({"text":"\u0000"})",
                           R"({"images":{}})", R"({"images":["id"]})", R"({"images":[{}]})", R"({"contact":"x"})",
                           R"({"contact":{}})", R"({"text":"a","clientMessageId":""})",
                           R"({"text":"a","clientMessageId":"\u00e9"})", R"({"text":"a","mentions":"ann"})"}) {
    EXPECT_FALSE(Parse(text)) << text;
  }
  EXPECT_FALSE(Parse("{\"text\":\"" + std::string(70'000, 'x') + "\"}"));
}

TEST(ParseSend, HashesTheRequestAndNotItsKeysOrder) {
  const auto one = Parse(R"({"text":"a","mentions":["x","y"],"clientMessageId":"1"})");
  const auto same =
      Parse(R"({"clientMessageId":"1","mentions":["y","x"],"messageType":"text","text":"a","images":null})");
  const auto other = Parse(R"({"text":"b","mentions":["x","y"],"clientMessageId":"1"})");
  EXPECT_EQ(one->request_hash.size(), 16U);
  EXPECT_EQ(one->request_hash, same->request_hash);
  EXPECT_NE(one->request_hash, other->request_hash);
}

TEST(ParseRoom, ChecksIdKindAndName) {
  const auto parse = [](std::string_view text) { return ParseRoom(json::Parse(text)->get_object(), Limits()); };
  EXPECT_EQ(parse(R"({"_id":"a-b_C","kind":"public","name":"R","members":["x","x"]})")->members.size(), 1U);
  for (const char* text : {R"({"_id":"a b"})", R"({"_id":""})", R"({"kind":"x"})", R"({"name":"\u202eabc"})",
                           R"({"name":"a\u0007"})", R"({"members":[5]})", R"({"members":[""]})"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(CheckEmoji, TakesEmojisAndShortNames) {
  EXPECT_TRUE(CheckEmoji("\xf0\x9f\x91\x8d"));
  EXPECT_TRUE(CheckEmoji(":ok:"));
  for (const std::string& emoji : {std::string(), std::string("a b"), std::string(65, 'x'), std::string("\xff")}) {
    EXPECT_FALSE(CheckEmoji(emoji));
  }
}

TEST(Offset, ParsesWhatItWrites) {
  EXPECT_EQ((Offset{17, 0, std::nullopt}.Text()), "17");
  EXPECT_EQ((Offset{17, 4, std::nullopt}.Text()), "17:4");
  EXPECT_EQ((Offset{17, 4, 120}.Text()), "17:4:120");
  EXPECT_EQ((Offset{17, 4, 120, 40}.Text()), "17:4:120!40");
  for (const char* text : {"0", "17", "17:4", "17:4:120", "17:4:0", "17!40", "17:4!40"}) {
    const auto parsed = Offset::Parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->Text(), text);
  }
  for (const char* text : {"", "x", "-1", "1:", ":1", "1:2:", "1::3", "1:-2", "1:2:3:", "1:2:3:4", "1:2:3x", "1.2-3",
                           "1!", "!1", "1!2:3", "99999999999999999999"}) {
    EXPECT_FALSE(Offset::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace tidings::chat
