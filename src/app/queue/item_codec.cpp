#include "item_codec.hpp"

#include <cstdint>

namespace tidings::app {
namespace {

using messaging::Headers;
using messaging::Message;

void Put(std::string& out, std::string_view part) {
  auto size = static_cast<std::uint32_t>(part.size());
  for (int i = 0; i < 4; ++i, size >>= 8) out.push_back(static_cast<char>(size & 0xff));
  out += part;
}

std::optional<std::string_view> Take(std::string_view& in) {
  if (in.size() < 4) return std::nullopt;
  std::uint32_t size = 0;
  for (std::size_t i = 4; i-- > 0;) size = size << 8 | static_cast<std::uint8_t>(in[i]);
  if (in.size() - 4 < size) return std::nullopt;
  const std::string_view part = in.substr(4, size);
  in.remove_prefix(4 + size);
  return part;
}

}  // namespace

std::string EncodeHeaders(const Headers& headers) {
  std::string out;
  out.reserve(headers.Bytes() + 8 * headers.size());
  for (const auto& [name, value] : headers) {
    Put(out, name);
    Put(out, value);
  }
  return out;
}

std::string EncodeMessage(const Message& message) {
  std::string out;
  out.reserve(message.body.size() + 256);
  for (const std::string* part : {&message.id, &message.type, &message.key, &message.body}) Put(out, *part);
  return out + EncodeHeaders(message.headers);
}

std::optional<Headers> DecodeHeaders(std::string_view bytes) {
  Headers headers;
  while (!bytes.empty()) {
    const auto name = Take(bytes);
    const auto value = name ? Take(bytes) : std::nullopt;
    if (!value) return std::nullopt;
    headers.Set(*name, std::string(*value));
  }
  return headers;
}

std::optional<Message> DecodeMessage(std::string_view bytes) {
  Message message;
  for (std::string* part : {&message.id, &message.type, &message.key, &message.body}) {
    const auto taken = Take(bytes);
    if (!taken) return std::nullopt;
    *part = *taken;
  }
  auto headers = DecodeHeaders(bytes);
  if (!headers) return std::nullopt;
  message.headers = std::move(*headers);
  return message;
}

}  // namespace tidings::app
