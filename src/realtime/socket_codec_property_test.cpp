#include <tidings/realtime/socket_packet.hpp>

#include <gtest/gtest.h>

#include <random>

namespace tidings::realtime {
namespace {

constexpr DecodeLimits kLimits;

// What is encoded is decoded again: random events of random JSON and binary.
class Generator {
 public:
  json::value Value(Arguments& arguments, int depth) {
    switch (random_() % (depth > 3 ? 5 : 8)) {
      case 0: return nullptr;
      case 1: return random_() % 2 == 0;
      case 2: return static_cast<std::int64_t>(random_());
      case 3: return json::value(Text());
      case 4: return arguments.attachments().size() < 10 ? arguments.Attach(Text()) : json::value(1);
      case 5:
      case 6: {
        json::array array;
        for (std::size_t i = random_() % 4; i > 0; --i) array.push_back(Value(arguments, depth + 1));
        return array;
      }
      default: {
        json::object object;
        for (std::size_t i = random_() % 4; i > 0; --i) object[Text()] = Value(arguments, depth + 1);
        return object;
      }
    }
  }
  std::string Text() {
    static constexpr const char* kPieces[] = {"a", "\"", "\\", "\n", "é", "👍", "[", "]", ",", "{", " ", "\x1e", "0"};
    std::string text;
    for (std::size_t i = random_() % 8; i > 0; --i) text += kPieces[random_() % std::size(kPieces)];
    return text;
  }
  std::mt19937 random_{3};
};

TEST(SocketCodec, RoundTrips) {
  Generator generator;
  for (int round = 0; round < 2'000; ++round) {
    Arguments arguments;
    json::array expected;
    for (std::size_t i = generator.random_() % 5; i > 0; --i) {
      // A key that is drawn twice may lose a placeholder; then the packet is not one that we would send.
      const json::value value = generator.Value(arguments, 0);
      expected.push_back(value);
      arguments.Add(value);
    }
    std::size_t placeholders = 0;
    for (std::size_t at = 0; (at = arguments.text().find("_placeholder", at)) != std::string::npos; ++at) {
      ++placeholders;
    }
    if (placeholders != arguments.attachments().size()) continue;
    const std::string event = "e" + generator.Text();
    const std::string nsp = round % 3 == 0 ? "/" : "/n" + std::to_string(round);
    const std::optional<std::uint64_t> id = round % 2 == 0 ? std::optional<std::uint64_t>(round) : std::nullopt;
    const EncodedPacket encoded = EncodeEvent(nsp, event, arguments, id);
    DecodeLimits limits = kLimits;
    SocketDecoder decoder(limits);
    auto decoded = decoder.Text(encoded.head->payload().substr(1));
    ASSERT_TRUE(decoded) << encoded.head->payload();
    for (const FrameRef& one : encoded.attachments) {
      ASSERT_FALSE(*decoded);
      decoded = decoder.Attachment(one->payload());
      ASSERT_TRUE(decoded);
    }
    ASSERT_TRUE(*decoded);
    EXPECT_EQ((*decoded)->event, event);
    EXPECT_EQ((*decoded)->nsp, nsp);
    EXPECT_EQ((*decoded)->id, id);
    ASSERT_EQ((*decoded)->args.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ((*decoded)->args.at(i), expected[i]);
    EXPECT_EQ((*decoded)->args.text(), arguments.text());
    EXPECT_EQ((*decoded)->args.attachments(), arguments.attachments());
  }
}

// Bytes near to packets: any answer is right, but there is one.
TEST(SocketCodec, SurvivesMutations) {
  std::mt19937 random(5);
  const std::vector<std::string> seeds = {R"(2["message",1,"2",{"3":[true]}])",
                                          R"(52-/b,7["e",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])",
                                          R"(0/custom,{"token":"x"})", "3456[1,2]", R"(2/n,1["\u0061\\\"",1])"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::size_t i = random() % 4; i > 0 && !text.empty(); --i) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = static_cast<char>(random() % 128); break;
        case 1: text.erase(at, 1 + random() % 3); break;
        default: text.insert(at, 1, "[]{}\",-/0123\\ "[random() % 14]);
      }
    }
    SocketDecoder decoder(kLimits);
    if (decoder.Text(text) && decoder.incomplete()) (void)decoder.Attachment("x");
  }
}

}  // namespace
}  // namespace tidings::realtime
