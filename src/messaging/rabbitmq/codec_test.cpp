#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connection.hpp"
#include "frame.hpp"
#include "methods.hpp"
#include "properties.hpp"
#include "table.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

using namespace std::string_literals;

TEST(Frames, AreWrittenByteForByte) {
  std::string out;
  AppendHeartbeat(out);
  EXPECT_EQ(out, "\x08\x00\x00\x00\x00\x00\x00\xce"s);
  out.clear();
  AppendAck(out, 3, 0x0102030405060708, true);
  EXPECT_EQ(out, "\x01\x00\x03\x00\x00\x00\x0d\x00\x3c\x00\x50\x01\x02\x03\x04\x05\x06\x07\x08\x01\xce"s);
  out.clear();
  AppendPublish(out, 1, "ex", "key", true);
  EXPECT_EQ(out, "\x01\x00\x01\x00\x00\x00\x0e\x00\x3c\x00\x28\x00\x00\x02"s + "ex\x03key\x01\xce");
}

TEST(Frames, AreCutOutOfAnyPieces) {
  std::string bytes;
  AppendHeartbeat(bytes);
  AppendChannelOpen(bytes, 7);
  for (std::size_t have = 0; have <= bytes.size(); ++have) {
    std::string_view rest = std::string_view(bytes).substr(0, have);
    Frame frame;
    EXPECT_EQ(TakeFrame(rest, 4096, frame), have >= 8 ? FrameStep::kFrame : FrameStep::kMore);
    if (have < 8) continue;
    EXPECT_EQ(frame.type, FrameType::kHeartbeat);
    EXPECT_EQ(TakeFrame(rest, 4096, frame), have == bytes.size() ? FrameStep::kFrame : FrameStep::kMore);
    if (have == bytes.size()) {
      EXPECT_EQ(frame.channel, 7);
      std::string_view payload = frame.payload;
      EXPECT_EQ(TakeMethod(payload), Method::kChannelOpen);
      EXPECT_TRUE(rest.empty());
    }
  }
}

TEST(Frames, RefuseWhatIsNone) {
  Frame frame;
  std::string_view other_version = kProtocolHeader;
  EXPECT_EQ(TakeFrame(other_version, 4096, frame), FrameStep::kBroken);
  const std::string no_end = "\x08\x00\x00\x00\x00\x00\x00\xcd"s;
  std::string_view bytes = no_end;
  EXPECT_EQ(TakeFrame(bytes, 4096, frame), FrameStep::kBroken);
  const std::string too_large = "\x03\x00\x01\x00\x00\x0f\xf9"s;
  bytes = too_large;
  EXPECT_EQ(TakeFrame(bytes, 4096, frame), FrameStep::kBroken) << "refused by its head, before its payload is here";
}

TEST(Frames, SplitABodyAtTheAgreedSize) {
  for (const std::size_t size : {0u, 1u, 4088u, 4089u, 9000u}) {
    const std::string body(size, 'b');
    std::string out;
    AppendBody(out, 2, body, 4096);
    Content content(100'000);
    ASSERT_TRUE(content.Begin(1, "method"));
    std::string header("\x00\x3c\x00\x00"s);
    Writer(header).U64(size);
    header += "\x00\x00"s;
    Content::Step step = content.AddHeader(header);
    std::string_view rest = out;
    Frame frame;
    while (!rest.empty()) {
      ASSERT_EQ(step, Content::Step::kMore);
      ASSERT_EQ(TakeFrame(rest, 4096, frame), FrameStep::kFrame);
      step = content.AddBody(frame.payload);
    }
    EXPECT_EQ(step, Content::Step::kWhole);
    EXPECT_EQ(content.body(), body);
  }
}

TEST(Content, KeepsToItsBounds) {
  const std::string header = "\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00"s;
  Content content(4);
  EXPECT_EQ(content.AddHeader(header), Content::Step::kBroken) << "nothing was announced";
  ASSERT_TRUE(content.Begin(1, ""));
  EXPECT_FALSE(content.Begin(1, "")) << "one at a time";
  EXPECT_EQ(content.AddBody("x"), Content::Step::kBroken) << "its header comes first";
  ASSERT_EQ(content.AddHeader(header), Content::Step::kMore);
  EXPECT_TRUE(content.too_large());
  EXPECT_EQ(content.AddBody("123"), Content::Step::kMore);
  EXPECT_EQ(content.AddBody("456"), Content::Step::kBroken) << "more than it said";
  EXPECT_EQ(content.AddBody("45"), Content::Step::kWhole);
  EXPECT_EQ(content.body(), "") << "nothing of it is kept";
}

TEST(Properties, ComeBackAsTheyWere) {
  Properties in;
  in.Set(Properties::kContentType, &Properties::content_type, "text/plain");
  in.Set(Properties::kMessageId, &Properties::message_id, "id-1");
  in.Set(Properties::kClusterId, &Properties::cluster_id, "c");
  in.flags |= Properties::kTimestamp | Properties::kDeliveryMode;
  in.timestamp = 1'700'000'000;
  in.delivery_mode = kPersistent;
  std::string bytes;
  AppendProperties(bytes, in);
  Properties out;
  ASSERT_TRUE(ReadProperties(bytes, out));
  EXPECT_EQ(out.flags, in.flags);
  EXPECT_EQ(out.content_type, "text/plain");
  EXPECT_EQ(out.message_id, "id-1");
  EXPECT_EQ(out.timestamp, 1'700'000'000u);
  EXPECT_EQ(out.delivery_mode, 2);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(ReadProperties(std::string_view(bytes).substr(0, cut), out)) << cut;
  }
}

// Every type that RabbitMQ 3.10 may send, by its bytes.
TEST(Table, ReadsEveryType) {
  const std::string content =
      "\x01"
      "a"
      "t\x01"
      "\x01"
      "b"
      "b\xff"
      "\x01"
      "c"
      "B\xff"
      "\x01"
      "d"
      "s\xff\xfe"
      "\x01"
      "e"
      "u\xff\xfe"
      "\x01"
      "f"
      "I\xff\xff\xff\xfd"
      "\x01"
      "g"
      "i\xff\xff\xff\xfd"
      "\x01"
      "h"
      "l\xff\xff\xff\xff\xff\xff\xff\xfc"
      "\x01"
      "i"
      "f\x3f\x80\x00\x00"
      "\x01"
      "j"
      "d\x3f\xf8\x00\x00\x00\x00\x00\x00"
      "\x01"
      "k"
      "D\x02\x00\x00\x00\x05"
      "\x01"
      "l"
      "T\x00\x00\x00\x00\x65\x53\xf1\x00"
      "\x01"
      "m"
      "S\x00\x00\x00\x02hi"
      "\x01"
      "n"
      "x\x00\x00\x00\x02\x00\xff"
      "\x01"
      "o"
      "V"
      "\x01"
      "p"
      "A\x00\x00\x00\x04t\x00t\x01"
      "\x01"
      "q"
      "F\x00\x00\x00\x08\x01zS\x00\x00\x00\x01\""s;
  const auto table = ReadTable(content);
  ASSERT_TRUE(table);
  const std::vector<std::string> texts = {
      "true",       "-1",        "255", "-2",           "65534",        "-3",
      "4294967293", "-4",        "1",   "1.5",          "0.05",         "2023-11-14T22:13:20.000Z",
      "hi",         "\x00\xff"s, "",    "[false,true]", R"({"z":"\""})"};
  ASSERT_EQ(table->children.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(table->children[i].Text(), texts[i]) << i;
  for (std::size_t cut = 1; cut < content.size(); ++cut) {
    ReadTable(std::string_view(content).substr(0, cut));  // never past its end: ASan looks
  }
}

TEST(Table, RefusesWhatIsTooDeepOrUnknown) {
  EXPECT_FALSE(
      ReadTable("\x01"
                "a"
                "?"));
  EXPECT_FALSE(
      ReadTable("\x05"
                "a"));
  std::string nested;
  for (int depth = 0; depth < 40; ++depth) {
    std::string outer =
        "\x01"
        "aF"s;
    Writer(outer).LongText(nested);
    nested = outer;
  }
  EXPECT_FALSE(ReadTable(nested));
}

TEST(Methods, AreReadAsTheBrokerWritesThem) {
  std::string payload = "\x00\x09"s;
  {
    Writer writer(payload);
    TableWriter properties(writer);
    properties.Text("product", "RabbitMQ").Text("version", "3.10.8");
    TableWriter capabilities(properties, "capabilities");
    capabilities.Bool("publisher_confirms", true).Bool("authentication_failure_close", true);
    capabilities.End();
    properties.End();
    writer.LongText("AMQPLAIN PLAIN");
    writer.LongText("en_US");
  }
  payload[1] = 0;
  ConnectionStart start;
  ASSERT_TRUE(ReadConnectionStart(payload, start));
  EXPECT_EQ(start.version, "3.10.8");
  EXPECT_TRUE(start.plain && start.confirms && start.authentication_failure_close);

  CloseReason reason;
  ASSERT_TRUE(ReadClose("\x01\x94\x09NOT_FOUND\x00\x32\x00\x0a"s, reason));
  EXPECT_EQ(reason.code, reply::kNotFound);
  EXPECT_EQ(reason.method, Method::kQueueDeclare);
  EXPECT_FALSE(ReadClose("\x01\x94\x09NOT"s, reason));

  // What is read points into what it was read from.
  const std::string deliver =
      "\x01t\x00\x00\x00\x00\x00\x00\x00\x07\x01\x02"
      "ex\x01k"s;
  Delivered delivered;
  ASSERT_TRUE(ReadDeliver(deliver, delivered));
  EXPECT_EQ(delivered.tag, 7u);
  EXPECT_TRUE(delivered.redelivered);
  EXPECT_EQ(delivered.exchange, "ex");
  EXPECT_EQ(delivered.routing_key, "k");
}

TEST(Refusals, SayWhetherTryingAgainMayHelp) {
  const auto code = [](std::uint16_t number) {
    CloseReason reason;
    reason.code = number;
    return ErrorOf(reason).code();
  };
  EXPECT_EQ(code(reply::kNotFound), ErrorCode::kNotFound);
  EXPECT_EQ(code(reply::kPreconditionFailed), ErrorCode::kConflict);
  EXPECT_EQ(code(reply::kNotAllowed), ErrorCode::kForbidden);
  EXPECT_EQ(code(reply::kConnectionForced), ErrorCode::kUnavailable);
  EXPECT_EQ(code(reply::kInternalError), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
