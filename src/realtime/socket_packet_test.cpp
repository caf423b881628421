#include <tidings/realtime/socket_packet.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;

constexpr DecodeLimits kSmallLimits{.max_attachments = 10, .max_attachment_bytes = 1'000, .max_namespace = 128};

class SocketDecoderTest : public ::testing::Test {
 protected:
  SocketPacket Whole(std::string_view text) {
    auto packet = decoder.Text(text);
    EXPECT_TRUE(packet && *packet) << text;
    return packet && *packet ? std::move(**packet) : SocketPacket();
  }
  SocketDecoder decoder{kSmallLimits};
};

TEST_F(SocketDecoderTest, ReadsConnect) {
  EXPECT_EQ(Whole("0").nsp, "/");
  EXPECT_TRUE(Whole("0").auth.empty());
  EXPECT_EQ(Whole("0{\"token\":\"123\"}").auth.at("token"), "123");
  EXPECT_EQ(Whole("0/custom").nsp, "/custom");
  EXPECT_EQ(Whole("0/custom,").nsp, "/custom");
  EXPECT_EQ(Whole("0/,").nsp, "/");
  const SocketPacket packet = Whole("0/custom,{\"a\":1}");
  EXPECT_EQ(packet.nsp, "/custom");
  EXPECT_EQ(packet.auth.at("a"), 1);
}

TEST_F(SocketDecoderTest, ReadsEvents) {
  SocketPacket packet = Whole(R"(2["message",1,"2",{"3":[true]}])");
  EXPECT_EQ(packet.type, SocketType::kEvent);
  EXPECT_EQ(packet.event, "message");
  EXPECT_EQ(packet.id, std::nullopt);
  EXPECT_EQ(packet.args.size(), 3u);
  EXPECT_EQ(packet.args.at(1), "2");
  EXPECT_EQ(packet.args.text(), R"(1,"2",{"3":[true]})");
  packet = Whole("2/custom,456[ \"a\\\"b\\\\\" , 1.50 , [ ] ] ");
  EXPECT_EQ(packet.event, "a\"b\\");
  EXPECT_EQ(packet.id, 456u);
  EXPECT_EQ(packet.args.text(), "1.50 , [ ]");
  EXPECT_EQ(packet.args.size(), 2u);
  EXPECT_EQ(Whole("2[\"\"]").event, "");
  EXPECT_EQ(Whole("2[\"x\"]").args.text(), "");
  EXPECT_EQ(Whole("20[\"x\"]").id, 0u);
}

TEST_F(SocketDecoderTest, ReadsAcknowledgements) {
  SocketPacket packet = Whole("3456[ 1, 2 ]");
  EXPECT_EQ(packet.type, SocketType::kAck);
  EXPECT_EQ(packet.id, 456u);
  EXPECT_EQ(packet.args.text(), "1, 2");
  EXPECT_EQ(packet.args.at(1), 2);
  EXPECT_EQ(Whole("30[]").args.size(), 0u);
  EXPECT_EQ(Whole("39007199254740991[]").id, 9007199254740991u);
  EXPECT_GT(*Whole("39007199254740992[]").id, 9007199254740991u);
  EXPECT_GT(*Whole("3123456789012345678901234567890[]").id, 9007199254740991u);
}

TEST_F(SocketDecoderTest, PutsBinaryTogether) {
  auto packet = decoder.Text(R"(52-/b,7["e",{"_placeholder":true,"num":1},{"x":[{"_placeholder":true,"num":0}]}])");
  ASSERT_TRUE(packet && !*packet);
  EXPECT_TRUE(decoder.incomplete());
  packet = decoder.Attachment("zero");
  ASSERT_TRUE(packet && !*packet);
  packet = decoder.Attachment("");
  ASSERT_TRUE(packet && *packet);
  EXPECT_FALSE(decoder.incomplete());
  const SocketPacket& whole = **packet;
  EXPECT_EQ(whole.type, SocketType::kEvent);
  EXPECT_EQ(whole.nsp, "/b");
  EXPECT_EQ(whole.id, 7u);
  EXPECT_EQ(*whole.args.binary(0), "");
  EXPECT_EQ(*whole.args.binary(whole.args.at(1).at("x").at(0)), "zero");

  ASSERT_TRUE(decoder.Text(R"(61-3[{"_placeholder":true,"num":0}])"));
  packet = decoder.Attachment("a");
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->type, SocketType::kAck);
  EXPECT_EQ(*(*packet)->args.binary(0), "a");
}

TEST_F(SocketDecoderTest, LeavesPlaceholdersOfPlainEventsAlone) {
  const SocketPacket packet = Whole(R"(2["e",{"_placeholder":true,"num":5}])");
  EXPECT_EQ(packet.args.binary(0), nullptr);
}

// JSON.stringify makes such escapes of text that was cut within a character; no UTF-8 can hold them.
TEST_F(SocketDecoderTest, ReadsLoneSurrogatesAsReplacements) {
  const SocketPacket packet = Whole(R"(27["\udc00e",{"text":"cut \ud83d"},"\\ud83d"])");
  EXPECT_EQ(packet.event, "\ufffde");
  EXPECT_EQ(packet.args.at(0).at("text"), "cut \ufffd");
  EXPECT_EQ(packet.args.text(), R"({"text":"cut \ufffd"},"\\ud83d")");
  EXPECT_EQ(Whole(R"(0{"token":"\ud83d\ud83d"})").auth.at("token"), "\ufffd\ufffd");
  EXPECT_EQ(Whole(R"(2["e","\ud83d\ude00"])").args.text(), R"("\ud83d\ude00")");
}

void ExpectRefused(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    SCOPED_TRACE(text.substr(0, 100));
    SocketDecoder decoder(kSmallLimits);
    const auto packet = decoder.Text(text);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error().code(), ErrorCode::kMalformed);
    EXPECT_FALSE(decoder.incomplete());
  }
}

std::string Placeholders(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += R"(,{"_placeholder":true,"num":)" + std::to_string(i) + "}";
  return list;
}

TEST(BadPacket, Types) {
  ExpectRefused({"", "7", "9[]", "abc", "-", "\xff", "4", "4{\"message\":\"x\"}", "4/custom,{}"});
}
TEST(BadPacket, Connect) {
  ExpectRefused({"0[]", "0null", "01", "0{", "0{}x", "0/custom,[]", "0/" + std::string(128, 'a'),
                 "0/" + std::string(500'000, 'a') + ",", "0\"x\"", "0{}{}"});
}
TEST(BadPacket, Disconnect) { ExpectRefused({"1{}", "1[]", "12", "1/custom,{}", "1 "}); }
TEST(BadPacket, Event) {
  ExpectRefused({"2",
                 "2{}",
                 "2[]",
                 "2null",
                 "2\"e\"",
                 "2[1]",
                 "2[null]",
                 "2[{}]",
                 "2[[\"e\"]]",
                 "2abc[\"e\"]",
                 "2-1[\"e\"]",
                 "21.5[\"e\"]",
                 "2007[\"e\"]",
                 "2[\"e\"",
                 "2[\"e\",]",
                 "2[\"e\"]x",
                 "2[\"e\"][\"e\"]",
                 "2[\"e\",01]",
                 "2[\"e\",NaN]",
                 "2['e']",
                 "2[\"e\",\"\n\"]",
                 "2[\"e\",1e400]",
                 "2[\"\xff\"]",
                 "2/custom",
                 "2/custom,",
                 "2" + std::string(41, '1') + "[\"e\"]",
                 R"(2["connect"])",
                 R"(2["connect_error"])",
                 R"(2["disconnect"])",
                 R"(2["disconnecting"])",
                 R"(2["newListener"])",
                 R"(2["removeListener"])",
                 R"(2["\u0063onnect"])",
                 "2[\"e\"," + std::string(64, '[') + std::string(64, ']') + "]",
                 "2[\"e\"," + std::string(150'000, '[')});
}
TEST(BadPacket, Ack) { ExpectRefused({"3", "3[]", "31", "31{}", "3x[]", "3-1[]", "31[", "300[]"}); }
TEST(BadPacket, Binary) {
  ExpectRefused({"5",
                 "5[\"e\"]",
                 "51[\"e\"]",
                 "5-[\"e\"]",
                 "50-[\"e\"]",
                 "51-[\"e\"]",
                 "5x-[\"e\"]",
                 "51-{}",
                 "51-[]",
                 "51.5-[\"e\"]",
                 "5-1-[\"e\"]",
                 R"(51-["e",{"_placeholder":true,"num":1}])",
                 R"(51-["e",{"_placeholder":true,"num":-1}])",
                 R"(51-["e",{"_placeholder":true,"num":"0"}])",
                 R"(51-["e",{"_placeholder":true,"num":0.5}])",
                 R"(51-["e",{"_placeholder":true}])",
                 R"(51-["e",{"_placeholder":true,"num":1e300}])",
                 R"(52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}])",
                 "51-[\"e\"" + Placeholders(2) + "]",
                 "53-[\"e\"" + Placeholders(2) + "]",
                 "511-[\"e\"" + Placeholders(11) + "]",
                 "599999999999999999999-[\"e\"" + Placeholders(1) + "]",
                 R"(51-[{"_placeholder":true,"num":0}])",
                 "61-[" + Placeholders(1).substr(1) + "]"});
}

TEST_F(SocketDecoderTest, TakesTextWhereAnAttachmentIsDueForAnError) {
  ASSERT_TRUE(decoder.Text("51-[\"e\"" + Placeholders(1) + "]"));
  EXPECT_FALSE(decoder.Text("2[\"e\"]"));
}

TEST_F(SocketDecoderTest, TakesAnAttachmentWithoutAPacketForAnError) {
  EXPECT_FALSE(decoder.Attachment("x"));
  ASSERT_TRUE(decoder.Text("51-[\"e\"" + Placeholders(1) + "]"));
  ASSERT_TRUE(decoder.Attachment("x"));
  EXPECT_FALSE(decoder.Attachment("x"));
}

TEST_F(SocketDecoderTest, LimitsAttachmentsTogether) {
  ASSERT_TRUE(decoder.Text("52-[\"e\"" + Placeholders(2) + "]"));
  ASSERT_TRUE(decoder.Attachment(std::string(500, 'x')));
  EXPECT_FALSE(decoder.Attachment(std::string(501, 'x')));
}

TEST_F(SocketDecoderTest, TakesTenAttachmentsAndSixtyLevels) {
  EXPECT_TRUE(decoder.Text("510-[\"e\"" + Placeholders(10) + "]"));
  SocketDecoder other(kSmallLimits);
  EXPECT_TRUE(other.Text("2[\"e\"," + std::string(60, '[') + std::string(60, ']') + "]"));
}

TEST(SocketEncode, WritesEveryType) {
  EXPECT_EQ(EncodeConnect("/", "abc", "")->payload(), R"(40{"sid":"abc"})");
  EXPECT_EQ(EncodeConnect("/n", "abc", "p")->payload(), R"(40/n,{"sid":"abc","pid":"p"})");
  EXPECT_EQ(EncodeConnectError("/n", "no", "")->payload(), R"(44/n,{"message":"no"})");
  EXPECT_EQ(EncodeConnectError("/", "no", "{\"code\":1}")->payload(), R"(44{"message":"no","data":{"code":1}})");
  EXPECT_EQ(EncodeDisconnect("/")->payload(), "41");
  EXPECT_EQ(EncodeDisconnect("/n")->payload(), "41/n,");
  EXPECT_EQ(EncodeEvent("/", "e", Arguments()).head->payload(), R"(42["e"])");
  EXPECT_EQ(EncodeEvent("/n", "e\"", Arguments::Of(1), 5).head->payload(), R"(42/n,5["e\"",1])");
  EXPECT_EQ(EncodeEventText("/n", "e", "1,2")->payload(), R"(42/n,["e",1,2])");
  EXPECT_EQ(EncodeAck("/", 3, Arguments()).head->payload(), "433[]");
  const EncodedPacket ack = EncodeAck("/", 3, Arguments::Of(Binary{"x"}, 1));
  EXPECT_EQ(ack.head->payload(), R"(461-3[{"_placeholder":true,"num":0},1])");
  ASSERT_EQ(ack.attachments.size(), 1u);
  EXPECT_EQ(ack.attachments[0]->payload(), "x");
  EXPECT_EQ(ack.size(), ack.head->wire().size() + 3);
}

}  // namespace
}  // namespace tidings::realtime
