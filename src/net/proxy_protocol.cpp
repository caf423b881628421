#include "proxy_protocol.hpp"

#include <algorithm>
#include <vector>

namespace tidings::net {

namespace {

using State = ProxyHeader::State;

constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::size_t kMaxLine = 107;

std::size_t Byte(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return false;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;
}

// "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"
ProxyHeader ReadLine(std::string_view input) {
  const std::string_view start = input.substr(0, kMaxLine);
  const std::size_t end = start.find("\r\n");
  if (end == start.npos) return {.state = input.size() >= kMaxLine ? State::kBad : State::kIncomplete};
  ProxyHeader header{.state = State::kWhole, .size = end + 2};
  std::vector<std::string_view> words;
  for (std::string_view line = start.substr(0, end);;) {
    const std::size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == line.npos) break;
    line.remove_prefix(space + 1);
  }
  if (words.size() >= 2 && words[1] == "UNKNOWN") return header;
  if (words.size() != 6 || !IsPort(words[4]) || !IsPort(words[5])) return {.state = State::kBad};
  const auto source = IpAddress::Parse(words[2]);
  const auto destination = IpAddress::Parse(words[3]);
  const bool four = words[1] == "TCP4";
  if ((!four && words[1] != "TCP6") || !source || !destination) return {.state = State::kBad};
  if (four && !(source->ipv4() && destination->ipv4())) return {.state = State::kBad};
  header.client = source;
  return header;
}

ProxyHeader ReadBinary(std::string_view input) {
  if (input.size() < 16) return {};
  const std::size_t version = Byte(input, 12) >> 4;
  const std::size_t command = Byte(input, 12) & 15;
  const std::size_t family = Byte(input, 13) >> 4;
  const std::size_t length = Byte(input, 14) << 8 | Byte(input, 15);
  if (version != 2 || command > 1 || 16 + length > kMaxProxyHeader) return {.state = State::kBad};
  const std::size_t address = family == 1 ? 4 : family == 2 ? 16 : 0;
  if (command == 1 && address != 0 && length < 2 * address + 4) return {.state = State::kBad};
  if (input.size() < 16 + length) return {};
  ProxyHeader header{.state = State::kWhole, .size = 16 + length};
  if (command == 1 && address != 0) header.client = IpAddress::FromBytes(input.substr(16, address));
  return header;
}

}  // namespace

ProxyHeader ReadProxyHeader(std::string_view input) {
  if (input.empty()) return {};
  const std::string_view signature = input[0] == 'P' ? kSignature1 : kSignature2;
  const std::size_t known = std::min(input.size(), signature.size());
  if (input.substr(0, known) != signature.substr(0, known)) return {.state = State::kBad};
  if (known < signature.size()) return {};
  return input[0] == 'P' ? ReadLine(input) : ReadBinary(input);
}

}  // namespace tidings::net
