// Whatever comes, any division of it into reads gives the same events, and nothing crashes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "deflate.hpp"
#include "testing/frames.hpp"
#include "websocket_codec.hpp"

namespace tidings::net {
namespace {

using Event = std::tuple<WebSocketEvent::Kind, std::uint16_t, std::string>;
using Random = std::mt19937_64;

constexpr WebSocketLimits kLimits{.max_message = 600, .max_fragments = 6, .deflate = true};

std::vector<Event> Decode(const std::string& bytes, const std::vector<std::size_t>& cuts) {
  WebSocketDecoder decoder(kLimits);
  std::vector<Event> events;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : bytes.size();
    std::string piece = bytes.substr(from, to - from);  // its own memory, so that the sanitizer sees what is kept
    from = to;
    std::span<char> input(piece);
    while (true) {
      const WebSocketEvent event = decoder.Next(input);
      if (event.kind == WebSocketEvent::Kind::kNothing) break;
      events.emplace_back(event.kind, event.code, std::string(event.data));
    }
    EXPECT_TRUE(input.empty());
    EXPECT_LE(decoder.held(), 2 * kLimits.max_message);
  }
  return events;
}

std::size_t Below(Random& random, std::size_t bound) { return random() % bound; }

// Mostly right frames, some of which belong together, and now and then a wrong one.
std::string SomeFrames(Random& random) {
  std::string bytes;
  bool open = false;
  for (std::size_t i = 0, count = 1 + Below(random, 12); i < count; ++i) {
    FrameSpec spec{.key = static_cast<std::uint32_t>(random())};
    const bool control = Below(random, 4) == 0;
    std::string payload(Below(random, Below(random, 5) == 0 ? 400 : 30), 'a');
    for (char& c : payload) c = static_cast<char>('a' + Below(random, 26));
    if (Below(random, 3) == 0) payload += "€";
    if (control) {
      spec.opcode = Below(random, 12) == 0 ? 8 : 9 + static_cast<int>(Below(random, 2));
      payload.resize(std::min<std::size_t>(payload.size(), 125));
      if (spec.opcode == 8) payload = CloseBody(1000 + static_cast<int>(Below(random, 16)), "x");
    } else {
      spec.opcode = open ? 0 : 1 + static_cast<int>(Below(random, 2));
      spec.final = Below(random, 2) == 0;
      if (!open && spec.final && Below(random, 4) == 0) {
        spec.rsv = 4;
        payload = DeflateMessage(payload);
      }
      open = !spec.final;
    }
    if (Below(random, 40) == 0) spec.opcode = static_cast<int>(Below(random, 16));
    if (Below(random, 60) == 0) spec.masked = false;
    if (Below(random, 60) == 0) spec.rsv = static_cast<int>(Below(random, 8));
    bytes += ClientFrame(payload, spec);
  }
  for (std::size_t i = Below(random, 12) == 0 ? 1 : 0; i > 0 && !bytes.empty(); --i) {
    bytes[Below(random, bytes.size())] = static_cast<char>(random());
  }
  return bytes;
}

TEST(WebSocketCodecProperty, AnyDivisionGivesTheSameEvents) {
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    const std::string bytes = SomeFrames(random);
    const auto whole = Decode(bytes, {});
    std::vector<std::size_t> each(bytes.size());
    for (std::size_t i = 0; i < each.size(); ++i) each[i] = i;
    ASSERT_EQ(Decode(bytes, each), whole) << "seed " << seed << ", byte by byte";
    for (int round = 0; round < 3; ++round) {
      std::vector<std::size_t> cuts(Below(random, 8));
      for (std::size_t& cut : cuts) cut = Below(random, bytes.size() + 1);
      std::ranges::sort(cuts);
      ASSERT_EQ(Decode(bytes, cuts), whole) << "seed " << seed;
    }
  }
}

TEST(WebSocketCodecProperty, AnyBytesHaveAResult) {
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    std::string bytes(Below(random, 200), '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    Decode(bytes, {});
  }
}

}  // namespace
}  // namespace tidings::net
