#include "websocket_codec.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "deflate.hpp"
#include "testing/frames.hpp"

namespace tidings::net {
namespace {

using Kind = WebSocketEvent::Kind;

struct Seen {
  Kind kind;
  std::uint16_t code;
  std::string data;
};

// All events of these bytes, given at once.
std::vector<Seen> Decode(std::string bytes, WebSocketLimits limits = {}) {
  WebSocketDecoder decoder(limits);
  std::vector<Seen> seen;
  std::span<char> input(bytes);
  while (true) {
    const WebSocketEvent event = decoder.Next(input);
    if (event.kind == Kind::kNothing) return seen;
    seen.push_back({event.kind, event.code, std::string(event.data)});
  }
}

// The one event of these bytes.
Seen One(const std::string& bytes, WebSocketLimits limits = {}) {
  const auto seen = Decode(bytes, limits);
  EXPECT_EQ(seen.size(), 1u);
  return seen.empty() ? Seen{} : seen.front();
}

void ExpectFailure(const std::string& bytes, std::uint16_t code, WebSocketLimits limits = {}) {
  const auto seen = Decode(bytes, limits);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().kind, Kind::kFailed);
  EXPECT_EQ(seen.back().code, code);
}

TEST(WebSocketCodec, ReadsMessagesOfEverySizeOfLength) {
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 125u, 126u, 65535u, 65536u, 100'000u}) {
    std::string payload(size, 'x');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i % 26);
    const Seen text = One(ClientFrame(payload));
    EXPECT_EQ(text.kind, Kind::kText);
    EXPECT_EQ(text.data, payload);
    EXPECT_EQ(One(ClientFrame(payload, {.opcode = 2})).kind, Kind::kBinary);
  }
}

TEST(WebSocketCodec, JoinsFragmentsWithControlFramesBetween) {
  const auto seen =
      Decode(ClientFrame("Hel", {.final = false}) + ClientFrame("ping", {.opcode = 9}) +
             ClientFrame("", {.opcode = 0, .final = false}) + ClientFrame("lo", {.opcode = 0}) + ClientFrame("next"));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].kind, Kind::kPing);
  EXPECT_EQ(seen[0].data, "ping");
  EXPECT_EQ(seen[1].data, "Hello");
  EXPECT_EQ(seen[2].data, "next");
}

TEST(WebSocketCodec, HoldsNoMemoryBetweenMessages) {
  std::string bytes = ClientFrame("Hel", {.final = false}) + ClientFrame("lo", {.opcode = 0});
  WebSocketDecoder decoder({});
  std::span<char> input(bytes.data(), 10);
  EXPECT_EQ(decoder.Next(input).kind, Kind::kNothing);
  EXPECT_EQ(decoder.held(), 3u);
  input = std::span<char>(bytes).subspan(10);
  EXPECT_EQ(decoder.Next(input).kind, Kind::kText);
  EXPECT_EQ(decoder.Next(input).kind, Kind::kNothing);
  EXPECT_EQ(decoder.held(), 0u);
}

TEST(WebSocketCodec, RefusesWhatBreaksTheRules) {
  ExpectFailure(ClientFrame("x", {.masked = false}), 1002);
  for (const int rsv : {1, 2, 4}) ExpectFailure(ClientFrame("x", {.rsv = rsv}), 1002);
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15})
    ExpectFailure(ClientFrame("x", {.opcode = opcode}), 1002);
  for (const int opcode : {8, 9, 10}) {
    ExpectFailure(ClientFrame("", {.opcode = opcode, .final = false}), 1002);
    ExpectFailure(ClientFrame(std::string(126, 'x'), {.opcode = opcode}), 1002);
  }
  ExpectFailure(ClientFrame("x", {.opcode = 0}), 1002);
  ExpectFailure(ClientFrame("x", {.final = false}) + ClientFrame("y"), 1002);
  ExpectFailure(ClientFrame("x", {.final = false}) + ClientFrame("y", {.opcode = 2}), 1002);
}

TEST(WebSocketCodec, RefusesTextThatIsNotUtf8) {
  ExpectFailure(ClientFrame("\xff"), 1007);
  ExpectFailure(ClientFrame("\xed\xa0\x80"), 1007);  // a surrogate
  ExpectFailure(ClientFrame("\xe2\x82"), 1007);      // cut off
  ExpectFailure(ClientFrame("\xe2\x82", {.final = false}) + ClientFrame("", {.opcode = 0}), 1007);
  // A character may be split over fragments, and what can no longer become well-formed fails at once.
  EXPECT_EQ(One(ClientFrame("\xe2\x82", {.final = false}) + ClientFrame("\xac", {.opcode = 0})).data, "€");
  ExpectFailure(ClientFrame("\xe2\x28", {.final = false}), 1007);
  EXPECT_EQ(One(ClientFrame("\xff", {.opcode = 2})).kind, Kind::kBinary);
}

TEST(WebSocketCodec, RefusesSizesAtTheHeader) {
  const WebSocketLimits limits{.max_message = 100};
  EXPECT_EQ(One(ClientFrame(std::string(100, 'x')), limits).kind, Kind::kText);
  for (const std::uint64_t length :
       {std::uint64_t{101}, std::uint64_t{1} << 31, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    ExpectFailure(ClientHeader({}, length), 1009, limits);
  }
  ExpectFailure(ClientFrame(std::string(60, 'x'), {.final = false}) + ClientHeader({.opcode = 0}, 41), 1009, limits);
}

TEST(WebSocketCodec, RefusesTooManyFragments) {
  const WebSocketLimits limits{.max_fragments = 8};
  std::string bytes = ClientFrame("", {.final = false});
  for (int i = 0; i < 6; ++i) bytes += ClientFrame("", {.opcode = 0, .final = false});
  EXPECT_EQ(One(bytes + ClientFrame("x", {.opcode = 0}), limits).data, "x");
  bytes += ClientFrame("", {.opcode = 0, .final = false});
  ExpectFailure(bytes + ClientFrame("x", {.opcode = 0}), 1008, limits);
}

TEST(WebSocketCodec, ReadsCloseFrames) {
  EXPECT_EQ(One(ClientFrame("", {.opcode = 8})).code, 1005);
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999}) {
    const Seen seen = One(ClientFrame(CloseBody(code, "bye"), {.opcode = 8}) + ClientFrame("ignored"));
    EXPECT_EQ(seen.kind, Kind::kClose);
    EXPECT_EQ(seen.code, code);
    EXPECT_EQ(seen.data, "bye");
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    ExpectFailure(ClientFrame(CloseBody(code), {.opcode = 8}), 1002);
  }
  ExpectFailure(ClientFrame("x", {.opcode = 8}), 1002);
  ExpectFailure(ClientFrame(CloseBody(1000, "\xff"), {.opcode = 8}), 1007);
}

TEST(WebSocketCodec, InflatesOnlyWhereItWasAgreed) {
  const std::string packed = DeflateMessage("hello hello hello hello");
  ExpectFailure(ClientFrame(packed, {.rsv = 4}), 1002);
  const WebSocketLimits limits{.deflate = true};
  EXPECT_EQ(One(ClientFrame(packed, {.rsv = 4}), limits).data, "hello hello hello hello");
  EXPECT_EQ(One(ClientFrame("plain"), limits).data, "plain");
  EXPECT_EQ(
      One(ClientFrame(packed.substr(0, 3), {.final = false, .rsv = 4}) + ClientFrame(packed.substr(3), {.opcode = 0}),
          limits)
          .data,
      "hello hello hello hello");
  ExpectFailure(ClientFrame(packed.substr(0, 3), {.final = false, .rsv = 4}) +
                    ClientFrame(packed.substr(3), {.opcode = 0, .rsv = 4}),
                1002, limits);
  ExpectFailure(ClientFrame("", {.opcode = 9, .rsv = 4}), 1002, limits);
  ExpectFailure(ClientFrame(DeflateMessage("\xff\xff"), {.rsv = 4}), 1007, limits);
  ExpectFailure(ClientFrame("\xff\xff\xff\xff", {.rsv = 4}), 1007, limits);
}

TEST(WebSocketCodec, CapsWhatIsInflated) {
  const std::string packed = DeflateMessage(std::string(1'000'000, 'a'));
  ASSERT_LT(packed.size(), 10'000u);
  ExpectFailure(ClientFrame(packed, {.rsv = 4}), 1009, {.max_message = 10'000, .deflate = true});
  EXPECT_EQ(One(ClientFrame(packed, {.rsv = 4}), {.max_message = 1'000'000, .deflate = true}).data.size(), 1'000'000u);
}

TEST(WebSocketCodec, UnmasksAtEveryOffsetAndLength) {
  for (std::size_t offset = 0; offset < 9; ++offset) {
    for (std::size_t size = 0; size < 40; ++size) {
      std::string data(size, '\0');
      Unmask(data, 0x04030201, offset);
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(data[i], static_cast<char>(1 + (offset + i) % 4));
    }
  }
}

TEST(WebSocketCodec, WritesHeadersAndCloseFrames) {
  std::string out;
  AppendFrameHeader(out, Opcode::kText, 125);
  AppendFrameHeader(out, Opcode::kBinary, 126);
  AppendFrameHeader(out, Opcode::kText, 65536, true);
  EXPECT_EQ(out, std::string("\x81\x7d\x82\x7e\x00\x7e\xc1\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 16));
  EXPECT_EQ(CloseFrame(1001, "bye"), std::string("\x88\x05\x03\xe9") + "bye");
  EXPECT_EQ(CloseFrame(kCloseNoCode, "unsaid"), std::string("\x88\x00", 2));
  // 123 bytes of reason at most, and no half character.
  const std::string cut = CloseFrame(1000, std::string(122, 'x') + "€");
  EXPECT_EQ(cut.size(), 2u + 2 + 122);
}

}  // namespace
}  // namespace tidings::net
