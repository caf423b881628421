#include <tidings/realtime/engine_packet.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;

// The packets of a payload as text, and "!" where it is bad.
std::vector<std::string> Read(std::string_view payload) {
  std::vector<std::string> packets;
  PayloadReader reader(payload);
  while (const auto packet = reader.Next()) {
    packets.push_back((packet->binary ? "b:" : std::string(1, static_cast<char>(packet->type))) +
                      std::string(packet->data));
  }
  if (reader.failed()) packets.emplace_back("!");
  EXPECT_FALSE(reader.Next());
  return packets;
}

TEST(EnginePacket, BeginsWithADigitFromZeroToSix) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = static_cast<char>(c) + std::string("data");
    const auto packet = DecodeEnginePacket(text);
    EXPECT_EQ(packet.has_value(), c >= '0' && c <= '6');
    if (packet) {
      EXPECT_EQ(packet->data, "data");
    }
  }
  EXPECT_FALSE(DecodeEnginePacket(""));
}

TEST(EnginePayload, IsReadPacketByPacket) {
  EXPECT_THAT(Read("4hello"), ElementsAre("4hello"));
  EXPECT_THAT(Read("4"), ElementsAre("4"));
  EXPECT_THAT(Read("4a\x1e"
                   "2\x1e"
                   "bAQIDBA=="),
              ElementsAre("4a", "2", "b:\1\2\3\4"));
  EXPECT_THAT(Read("b"), ElementsAre("b:"));
}

TEST(EnginePayload, TakesBase64WithLineEnds) { EXPECT_THAT(Read("bAQ\r\nID\nBA==\n"), ElementsAre("b:\1\2\3\4")); }

TEST(EnginePayload, EndsAtTheFirstBadPacket) {
  EXPECT_THAT(Read(""), ElementsAre("!"));
  EXPECT_THAT(Read("abc"), ElementsAre("!"));
  EXPECT_THAT(Read("4a\x1e"), ElementsAre("4a", "!"));
  EXPECT_THAT(Read("\x1e"
                   "4a"),
              ElementsAre("!"));
  EXPECT_THAT(Read("4a\x1e\x1e"
                   "4b"),
              ElementsAre("4a", "!"));
  EXPECT_THAT(Read("4a\x1e"
                   "7\x1e"
                   "4b"),
              ElementsAre("4a", "!"));
  EXPECT_THAT(Read("b!!!"), ElementsAre("!"));
}

TEST(EnginePayload, RoundTrips) {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    std::string payload;
    std::vector<std::string> expected;
    std::size_t size = 0;
    for (std::size_t i = 0, count = 1 + random() % 20; i < count; ++i) {
      std::string data;
      const bool binary = random() % 2 == 0;
      for (std::size_t j = random() % 40; j > 0; --j) {
        data += static_cast<char>(binary ? random() % 256 : 0x20 + random() % 95);
      }
      const FrameRef frame = binary ? Frame::Binary(data) : Frame::Text("4" + data);
      expected.push_back((binary ? "b:" : "4") + data);
      size += PayloadSize(*frame) + (i > 0);
      AppendToPayload(payload, *frame);
    }
    ASSERT_EQ(payload.size(), size);
    ASSERT_EQ(Read(payload), expected);
  }
}

}  // namespace
}  // namespace tidings::realtime
