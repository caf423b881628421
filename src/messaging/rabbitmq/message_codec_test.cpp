#include "message_codec.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "frame.hpp"
#include "methods.hpp"
#include "properties.hpp"
#include "table.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

using namespace std::string_literals;

// What a consumer gets of what was published.
class Wire {
 public:
  explicit Wire(const Message& message, std::size_t frame_max = 4096, const Publication& publication = Publication()) {
    std::string out;
    AppendMessage(out, 1, frame_max, publication, message);
    std::string_view rest = out;
    Frame frame;
    Content content(Message::kMostBody);
    while (TakeFrame(rest, frame_max, frame) == FrameStep::kFrame) {
      switch (frame.type) {
        case FrameType::kMethod: EXPECT_TRUE(content.Begin(0, frame.payload)); break;
        case FrameType::kHeader: content.AddHeader(frame.payload); break;
        default: content.AddBody(frame.payload);
      }
    }
    EXPECT_TRUE(rest.empty());
    EXPECT_FALSE(content.under_way());
    properties = content.properties();
    body = content.body();
    EXPECT_TRUE(ReadProperties(properties, read));
  }
  Message Arrived() {
    auto received = ReadMessage(properties, body, false, "q", Strictness::kStrict);
    EXPECT_TRUE(received) << received.error().message();
    return received ? received->message : Message();
  }
  std::string properties;
  std::string body;
  Properties read;
};

TEST(MessageCodec, AStampAndAnOffsetComeBesideTheMessage) {
  Message message("a", "body");
  message.headers = {{"tidings-stamp", "the user's"}};
  Publication publication;
  publication.stamp = "w-7";
  Wire wire(message, 4096, publication);
  auto received = ReadMessage(wire.properties, wire.body, false, "s", Strictness::kStrict);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->message, message);
  EXPECT_EQ(received->stamp, "w-7");
  EXPECT_FALSE(received->offset);

  Properties properties;
  const std::string table = "\x0fx-stream-offsetl\x00\x00\x00\x00\x00\x00\x01\x02"s;
  properties.Set(Properties::kHeaders, &Properties::headers, std::string_view(table));
  std::string bytes;
  AppendProperties(bytes, properties);
  std::string body;
  received = ReadMessage(bytes, body, false, "s", Strictness::kStrict);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->offset, 258U);
  EXPECT_TRUE(received->message.headers.empty());
}

TEST(MessageCodec, BringsEveryPartBack) {
  Message message("order.created", std::string("\x00\xff body", 7));
  message.key = "customer 7";
  message.headers = {{"a", "1"},
                     {"empty", ""},
                     {"bytes", "\xff\x00"s},
                     {"unicode", "žluťoučký"},
                     {"tidings-time", "2026-11-24T01:02:03.004Z"}};
  Wire wire(message);
  EXPECT_EQ(wire.Arrived(), message);
  EXPECT_EQ(wire.read.message_id, message.id);
  EXPECT_EQ(wire.read.type, "order.created");
  EXPECT_EQ(wire.read.timestamp, 1'795'482'123u);
  EXPECT_EQ(wire.read.delivery_mode, kPersistent);
}

TEST(MessageCodec, KeepsTheOrderOfHeadersThatTravelAsProperties) {
  const std::vector<Headers> all = {
      {{"content-type", "text/plain"}, {"correlation-id", "c"}, {"reply-to", "r"}, {"x", "1"}},
      {{"x", "1"}, {"reply-to", "r"}, {"y", "2"}, {"content-type", "text/plain"}},
      {{"reply-to", "r"}, {"content-type", "text/plain"}},
      {{"x", "1"}, {"content-encoding", "gzip"}},
      {{"reply-to", ""}, {"correlation-id", std::string(300, 'c')}},
  };
  for (const Headers& headers : all) {
    Message message("t", "b");
    message.headers = headers;
    EXPECT_EQ(Wire(message).Arrived(), message);
  }
}

TEST(MessageCodec, SendsNumbersWhereItIsToldTo) {
  Message message("x");
  message.headers = {{"seq", "42"}, {"other", "43"}, {"text", "4x"}};
  const std::vector<std::string> numbers = {"seq", "text"};
  Publication publication;
  publication.numbers = numbers;
  Wire wire(message, 4096, publication);
  const auto table = ReadTable(wire.read.headers);
  ASSERT_TRUE(table);
  ASSERT_NE(table->Find("seq"), nullptr);
  EXPECT_EQ(table->Find("seq")->kind, Value::Kind::kInteger);
  EXPECT_EQ(table->Find("seq")->integer, 42);
  EXPECT_EQ(table->Find("other")->kind, Value::Kind::kText);
  EXPECT_EQ(table->Find("text")->kind, Value::Kind::kText);
  Message arrived = wire.Arrived();
  EXPECT_TRUE(arrived.headers.Has("amqp-types")) << "it is a number again when it is sent on";
  arrived.headers.Remove("amqp-types");
  EXPECT_EQ(arrived, message);
}

TEST(MessageCodec, EscapesNamesThatMeanSomethingToTheBroker) {
  Message message("t", "b");
  message.headers = {
      {"CC", "other"}, {"x-death", "mine"}, {"tidings-key", "k"}, {"tidings-escaped-CC", "e"}, {"x-mine", "m"}};
  Wire wire(message);
  EXPECT_EQ(wire.Arrived(), message);
  const auto table = ReadTable(wire.read.headers);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->Find("CC"), nullptr);
  EXPECT_EQ(table->Find("x-death"), nullptr);
  EXPECT_NE(table->Find("x-mine"), nullptr);
}

TEST(MessageCodec, SplitsLargeBodies) {
  const Message message("t", std::string(100'000, 'x'));
  EXPECT_EQ(Wire(message, 8192).Arrived(), message);
}

// Properties and a table as another client writes them.
std::string Foreign(std::string_view table, std::string_view id = "", std::string_view type = "") {
  Properties properties;
  properties.Set(Properties::kHeaders, &Properties::headers, table);
  if (!id.empty()) properties.Set(Properties::kMessageId, &Properties::message_id, id);
  if (!type.empty()) properties.Set(Properties::kType, &Properties::type, type);
  std::string bytes;
  AppendProperties(bytes, properties);
  return bytes;
}

TEST(MessageCodec, ReadsOtherClientsMessages) {
  std::string body = "b";
  auto bare = ReadMessage("\x00\x00"s, body, true, "q", Strictness::kStrict);
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->message.body, "b");
  EXPECT_TRUE(Check(bare->message)) << "it got an id";
  EXPECT_EQ(bare->deliveries, 2u);

  const std::string table = "\x03numI\x00\x00\x00\x07"s +
                            "\x04"
                            "flagt\x01"s +
                            "\x10x-delivery-countl\x00\x00\x00\x00\x00\x00\x00\x02"s;
  auto typed = ReadMessage(Foreign(table, "my id"), body, true, "q", Strictness::kStrict);
  ASSERT_TRUE(typed) << typed.error().message();
  EXPECT_EQ(typed->message.headers.Get("num"), "7");
  EXPECT_EQ(typed->message.headers.Get("flag"), "true");
  EXPECT_EQ(typed->message.id, "my%20id");
  EXPECT_EQ(typed->deliveries, 3u);

  auto long_id = ReadMessage(Foreign("", std::string(200, 'i')), body, false, "q", Strictness::kStrict);
  ASSERT_TRUE(long_id);
  EXPECT_EQ(long_id->message.id.size(), Message::kMostId);
  EXPECT_TRUE(long_id->message.id.starts_with("iiii"));
}

// Of every type that a client may write, and with members of their own.
std::string TypedTable() {
  std::string text;
  Writer writer(text);
  TableWriter table(writer);
  table.Raw("float", "d\x40\x09\x21\xfb\x54\x44\x2d\x18"s)
      .Raw("single", "f\x3f\xc0\x00\x00"s)
      .Raw("small", "b\xfe"s)
      .Raw("big", "l\x7f\xff\xff\xff\xff\xff\xff\xff"s)
      .Raw("when", "T\x00\x00\x00\x00\x65\x00\x00\x00"s)
      .Raw("none", "V")
      .Raw("price", "D\x02\x00\x00\x04\xd2"s)
      .Raw("blob",
           "x\x00\x00\x00\x03"
           "abc"s)
      .Raw("list", "A\x00\x00\x00\x07I\x00\x00\x00\x01t\x01"s)
      .Text("text", "7")
      .Bool("flag", true);
  TableWriter inner(table, "nested");
  inner.Integer("a=b", 5);
  inner.End();
  table.End();
  return text.substr(4);
}

// The members, in no order.
std::map<std::string, std::string> Members(std::string_view table) {
  std::map<std::string, std::string> members;
  Reader reader(table);
  while (!reader.done()) {
    const std::string name(reader.ShortText());
    const std::string_view begin = reader.rest();
    const char type = static_cast<char>(reader.U8());
    EXPECT_TRUE(ReadValue(reader, type)) << name;
    members[name] = begin.substr(0, begin.size() - reader.rest().size());
  }
  return members;
}

TEST(MessageCodec, KeepsTheTypesOfAnotherClientsHeaders) {
  const std::string table = TypedTable();
  std::string body = "b";
  const auto received = ReadMessage(Foreign(table, "id"), body, false, "q", Strictness::kStrict);
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(received->message.headers.Get("price"), "12.34");
  EXPECT_EQ(received->message.headers.Get("nested"), R"({"a=b":5})");
  EXPECT_EQ(Members(Wire(received->message).read.headers), Members(table));

  // What is changed meanwhile is a text; the others stay.
  Message edited = received->message;
  edited.headers.Set("big", "8");
  edited.headers.Set("flag", "false");
  edited.headers.Remove("none");
  auto expected = Members(table);
  expected["big"] =
      "S\x00\x00\x00\x01"
      "8"s;
  expected["flag"] =
      "S\x00\x00\x00\x05"
      "false"s;
  expected.erase("none");
  EXPECT_EQ(Members(Wire(edited).read.headers), expected);

  // Types that are none harm nobody.
  for (const std::string types : {"big", "big=", "big=!", "big=SQ", "big=bAAAAAAAAAAIAA", "= =  "}) {
    edited.headers.Set("amqp-types", types);
    EXPECT_EQ(Members(Wire(edited).read.headers)["big"], expected["big"]) << types;
  }
}

// A table of other clients' headers, as its writer left it.
std::string Written(const std::function<void(TableWriter&)>& write) {
  std::string text;
  Writer writer(text);
  TableWriter table(writer);
  write(table);
  table.End();
  return text.substr(4);
}

Message FromOthers(const Properties& properties) {
  std::string bytes;
  AppendProperties(bytes, properties);
  std::string body = "b";
  auto received = ReadMessage(bytes, body, false, "q", Strictness::kStrict);
  EXPECT_TRUE(received) << received.error().message();
  return received ? received->message : Message();
}

Message FromOthers(std::string_view table) {
  Properties properties;
  properties.Set(Properties::kHeaders, &Properties::headers, table);
  return FromOthers(properties);
}

TEST(MessageCodec, TakesTheLastOfTwoHeadersOfOneNameWithItsType) {
  const Message twice = FromOthers(Written([](TableWriter& table) {
    table.Integer("n", 7).Text("text", "t").Integer("m", 1).Bool("n", true).Bool("m", false).Integer("m", 2);
  }));
  EXPECT_EQ(twice.headers.Get("n"), "true");
  EXPECT_EQ(twice.headers.Get("m"), "2");
  const auto expected =
      Members(Written([](TableWriter& table) { table.Bool("n", true).Text("text", "t").Integer("m", 2); }));
  EXPECT_EQ(Members(Wire(twice).read.headers), expected);
  EXPECT_EQ(Wire(twice).Arrived(), twice);

  const Message text_last = FromOthers(Written([](TableWriter& table) { table.Integer("n", 7).Text("n", "7"); }));
  EXPECT_FALSE(text_last.headers.Has("amqp-types"));
  EXPECT_EQ(Members(Wire(text_last).read.headers), Members(Written([](TableWriter& table) { table.Text("n", "7"); })));
}

TEST(MessageCodec, FindsATypeBehindOneThatFitsNoMore) {
  Message message("t", "b");
  message.headers = {{"n", "7"}, {"amqp-types", "n=dAE n=bAAAAAAAAAAH"}};
  EXPECT_EQ(Members(Wire(message).read.headers), Members(Written([](TableWriter& table) { table.Integer("n", 7); })));
}

TEST(MessageCodec, KeepsTheOrderOfHeadersAroundTheirTypes) {
  Message message = FromOthers(Written([](TableWriter& table) { table.Integer("n", 7); }));
  ASSERT_EQ(message.headers.size(), 2u);
  // What is set behind them, on its way through a program.
  for (const std::string name : {"a", "content-type", "z"}) message.headers.Set(name, "x");
  Headers expected = {{"n", "7"}, {"a", "x"}, {"content-type", "x"}, {"z", "x"}};
  expected.Set("amqp-types", std::string(message.headers.Get("amqp-types")));
  EXPECT_EQ(Wire(message).Arrived().headers, expected);
}

TEST(MessageCodec, SendsNoTypesOfItsOwnAndTakesNone) {
  const Message message =
      FromOthers(Written([](TableWriter& table) { table.Text("amqp-types", "n=bAAAAAAAAAAH").Text("n", "7"); }));
  EXPECT_EQ(message.headers, (Headers{{"n", "7"}}));
}

TEST(MessageCodec, LeavesTypesOutWhereAMessageIsFull) {
  std::string text;
  Writer writer(text);
  TableWriter table(writer);
  for (std::size_t i = 0; i < Headers::kMostHeaders; ++i) table.Integer("n" + std::to_string(i), 1);
  table.End();
  std::string body = "b";
  const auto received = ReadMessage(Foreign(text.substr(4), "id"), body, false, "q", Strictness::kStrict);
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_FALSE(received->message.headers.Has("amqp-types"));

  // The place that is left may be a property's.
  Properties properties;
  const std::string one_less = Written([](TableWriter& table) {
    for (std::size_t i = 1; i < Headers::kMostHeaders; ++i) table.Integer("n" + std::to_string(i), 1);
  });
  properties.Set(Properties::kHeaders, &Properties::headers, one_less);
  properties.Set(Properties::kContentType, &Properties::content_type, "text/plain");
  const Message full = FromOthers(properties);
  EXPECT_EQ(full.headers.size(), Headers::kMostHeaders);
  EXPECT_EQ(full.headers.Get("content-type"), "text/plain");
}

TEST(MessageCodec, TellsWhatIsNoMessage) {
  std::string body = "b";
  const std::string blank_name = "\x01 S\x00\x00\x00\x01v"s;
  EXPECT_FALSE(ReadMessage(Foreign(blank_name), body, false, "q", Strictness::kStrict));
  EXPECT_EQ(body, "b") << "the body stays with the caller";
  auto lenient = ReadMessage(Foreign(blank_name), body, false, "q.dead", Strictness::kLenient);
  ASSERT_TRUE(lenient);
  EXPECT_TRUE(lenient->message.headers.empty());
  EXPECT_FALSE(ReadMessage("\x20\x00\x00"s, body, false, "q", Strictness::kStrict)) << "cut off";
}

TEST(MessageCodec, TranslatesTheBrokersDeaths) {
  std::string death;
  Writer writer(death);
  writer.ShortText("x-death");
  writer.U8('A');
  const std::size_t array = writer.BeginLength();
  writer.U8('F');
  TableWriter entry(writer);
  entry.Integer("count", 1).Text("reason", "delivery_limit").Text("queue", "orders");
  entry.End();
  writer.EndLength(array);
  std::string body = "b";
  auto dead = ReadMessage(Foreign(death, "id"), body, false, "orders.dead", Strictness::kLenient);
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->message.headers.Get(header::kDeathReason), "delivery-limit");
  EXPECT_EQ(dead->message.headers.Get(header::kDeathQueue), "orders");
  body = "b";
  auto elsewhere = ReadMessage(Foreign(death, "id"), body, false, "orders", Strictness::kStrict);
  ASSERT_TRUE(elsewhere);
  EXPECT_TRUE(elsewhere->message.headers.empty()) << "it came back from a delay";
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
