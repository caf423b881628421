#include <tidings/chat/record.hpp>

#include <gtest/gtest.h>

#include <tidings/base/json.hpp>

namespace tidings::chat {
namespace {

MessageRecord Sample() {
  MessageRecord record;
  record.id = "01a20b8a-ed08-76b2-89e8-000000000004";
  record.seq = 7;
  record.author = "ann";
  record.author_key = 3;
  record.type = MessageType::kImage;
  record.text_json = "\"a \\\"quoted\\\" \xf0\x9f\x91\x8d\"";
  record.media_json = R"([{"_id":"1","filename":"cat.png","type":"image/png"}])";
  record.reply_seq = 2;
  record.links_json = R"([{"url":"https://example.org"}])";
  record.mentions_json = R"(["bob"])";
  record.mentioned = {9, 300};
  record.reactions_json = R"([{"emoji":"x","count":1,"users":["bob"]}])";
  record.created_at = 1'700'000'000'000;
  record.updated_at = record.edited_at = 1'700'000'000'500;
  record.client_id = "c1";
  record.request_hash = std::string("\0\1\2", 3);
  record.alert = "image/png";
  record.reason = "edit";
  record.previous = 7;
  return record;
}

eventing::StoredEvent EventOf(std::string_view type, std::string data, Seq seq) {
  eventing::StoredEvent event;
  event.position = 11;
  event.stream = 1;
  event.version = seq;
  event.id = Uuid::AtPlace(1'700'000'000'000, 11, 5);
  event.type = type;
  event.at = 1'700'000'000'000;
  event.author = 3;
  event.data = std::move(data);
  return event;
}

const QuoteSource kNoQuotes = [](Seq, Seq) { return std::string(); };

TEST(MessageRecord, DecodesWhatItEncodes) {
  const MessageRecord record = Sample();
  const auto again = MessageRecord::Decode(record.Encode());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->Encode(), record.Encode());
  EXPECT_EQ(again->mentioned, record.mentioned);
  EXPECT_EQ(again->request_hash, record.request_hash);
  EXPECT_EQ(again->type, MessageType::kImage);
}

TEST(MessageRecord, DecodesNoTornRecord) {
  const std::string whole = Sample().Encode();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto torn = MessageRecord::Decode(std::string_view(whole).substr(0, size));
    if (torn) EXPECT_EQ(MessageRecord::Decode(torn->Encode())->Encode(), torn->Encode());
  }
  EXPECT_FALSE(MessageRecord::Decode(""));
  EXPECT_FALSE(MessageRecord::Decode("\x07\x7f"));
}

TEST(MessageDocument, HasEveryFieldWhereThereIsNothing) {
  MessageRecord record;
  record.id = "x";
  record.seq = 1;
  record.author = "ann";
  std::string out;
  AppendMessage(out, "r", record);
  const auto parsed = json::Parse(out);
  ASSERT_TRUE(parsed) << out;
  const json::object& document = parsed->get_object();
  for (const char* key : {"_id",        "seq",        "room",      "created_by", "message_type",
                          "text",       "media",      "contact",   "reply_to",   "linked",
                          "links",      "mentions",   "reactions", "seen_by",    "seen_count",
                          "created_at", "updated_at", "edited_at", "deleted_at", "client_message_id"}) {
    EXPECT_TRUE(document.contains(key)) << key;
  }
  EXPECT_EQ(document.size(), 20U);
  EXPECT_EQ(document.at("text").get_string(), "");
  EXPECT_TRUE(document.at("contact").is_null());
  EXPECT_TRUE(document.at("media").get_array().empty());
}

TEST(SocketEvent, ShowsTheKindOfAnImageInsteadOfItsText) {
  MessageRecord record = Sample();
  record.id.clear();
  std::string out;
  ASSERT_TRUE(AppendSocketEvent(out, "r", EventOf(event_type::kMessageCreated, record.Encode(), 7), kNoQuotes));
  const auto parsed = json::Parse("[" + out + "]");
  ASSERT_TRUE(parsed) << out;
  EXPECT_EQ(parsed->get_array()[0].get_string(), "NEW_MESSAGE");
  EXPECT_EQ(parsed->get_array()[1].get_object().at("text").get_string(), "image/png");
  EXPECT_EQ(parsed->get_array()[1].get_object().at("data").get_object().at("seq").get_int64(), 7);
}

TEST(SocketEvent, AsksForTheQuoteOfAReply) {
  std::string out;
  const QuoteSource quotes = [](Seq seq, Seq as_of) {
    return seq == 2 && as_of == 9 ? std::string(R"({"_id":"p","created_by":"bob","text":"t"})") : "";
  };
  ASSERT_TRUE(AppendSocketEvent(out, "r", EventOf(event_type::kMessageUpdated, Sample().Encode(), 9), quotes));
  EXPECT_NE(out.find(R"("reply_to":{"_id":"p")"), std::string::npos);
  EXPECT_TRUE(out.starts_with(R"("MESSAGE_UPDATED",{"roomId":"r","seq":9,"reason":"edit","data":{)")) << out;
}

TEST(SocketEvent, RefusesDamage) {
  std::string out;
  EXPECT_FALSE(AppendSocketEvent(out, "r", EventOf(event_type::kMessageCreated, "\x07\x7f", 7), kNoQuotes));
  EXPECT_FALSE(AppendEvent(out, "r", EventOf(event_type::kRoomCreated, "", 1), kNoQuotes));
}

TEST(RoomEvents, NameTheMembers) {
  RoomRecord record;
  record.by = record.creator = "ann";
  record.joined = {{"ann", Role::kOwner}, {"bob", Role::kMember}};
  record.joined_keys = {1, 2};
  const auto again = RoomRecord::Decode(record.Encode());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->joined_keys, record.joined_keys);
  std::string out;
  ASSERT_TRUE(AppendSocketEvent(out, "r", EventOf(event_type::kMemberJoined, record.Encode(), 2), kNoQuotes));
  EXPECT_EQ(out, R"("MEMBERS_CHANGED",{"roomId":"r","seq":2,"by":"ann","joined":[{"userId":"ann","role":"owner"},)"
                 R"({"userId":"bob","role":"member"}],"left":[],"updated":[]})");
}

TEST(Preview, IsTheContactElseTheImageElseTheText) {
  MessageRecord record = Sample();
  EXPECT_EQ(PreviewOf(record).type, "media");
  EXPECT_EQ(PreviewOf(record).value, "cat.png");
  record.contact_json = R"({"name":"Ann B."})";
  EXPECT_EQ(PreviewOf(record).value, "Ann B.");
  record.contact_json.clear();
  record.media_json.clear();
  EXPECT_EQ(PreviewOf(record).value, "a \"quoted\" \xf0\x9f\x91\x8d");
}

}  // namespace
}  // namespace tidings::chat
