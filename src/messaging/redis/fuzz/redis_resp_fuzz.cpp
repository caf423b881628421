// Answers of a server, in pieces: read without fault, and the same whatever the pieces.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "message_codec.hpp"
#include "resp.hpp"

namespace {

std::string Shown(const tidings::redis::Value& value) {
  std::string text(1, static_cast<char>('0' + static_cast<int>(value.type())));
  text += value.text();
  text += std::to_string(value.integer());
  for (const tidings::redis::Value element : value) text += Shown(element);
  return text + ";";
}

std::string Replies(std::string_view bytes, std::size_t step) {
  tidings::redis::ReplyParser parser;
  std::string shown;
  for (std::size_t begin = 0, have = 0; have < bytes.size();) {
    have = std::min(bytes.size(), have + step);
    while (begin < have) {
      const std::string part(bytes.substr(begin, have - begin));
      const auto whole = parser.Parse(part);
      if (!whole) return shown + "broken";
      if (!*whole) break;
      shown += Shown(parser.value(part));
      begin += parser.consumed();
      parser.Next();
    }
  }
  return shown;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (Replies(bytes, 1) != Replies(bytes, size)) std::abort();
  const auto message = tidings::redis::DecodeMessage(bytes);
  if (!message) return 0;
  std::string again;
  tidings::redis::AppendMessage(again, *message);
  if (tidings::redis::DecodeMessage(again) != message) std::abort();
  return 0;
}
