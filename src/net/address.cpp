#include "address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "field_text.hpp"

namespace tidings::net {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// As proxies write them: also "1.2.3.4:5678" and "[::1]:5678".
std::optional<IpAddress> ParseForwarded(std::string_view text) {
  text = Trim(text);
  if (text.starts_with('[')) {
    text = text.substr(0, text.find(']') == text.npos ? text.size() : text.find(']') + 1);
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  return IpAddress::Parse(text);
}

}  // namespace

IpAddress IpAddress::FromBytes(std::string_view bytes) {
  IpAddress made;
  if (bytes.size() == 4) {
    std::ranges::copy(kMapped, made.bytes_.begin());
    std::memcpy(made.bytes_.data() + 12, bytes.data(), 4);
  } else if (bytes.size() == 16) {
    std::memcpy(made.bytes_.data(), bytes.data(), 16);
  }
  return made;
}

IpAddress IpAddress::FromSocket(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &from, sizeof in);
    return FromBytes({reinterpret_cast<const char*>(&in.sin_addr), 4});
  }
  if (from.ss_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &from, sizeof in);
    return FromBytes({reinterpret_cast<const char*>(&in.sin6_addr), 16});
  }
  return {};
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string copy(text);
  char bytes[16];
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return FromBytes({bytes, 4});
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return FromBytes({bytes, 16});
  return std::nullopt;
}

bool IpAddress::ipv4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

std::string IpAddress::Text() const {
  char text[INET6_ADDRSTRLEN];
  const bool four = ipv4();
  inet_ntop(four ? AF_INET : AF_INET6, bytes_.data() + (four ? 12 : 0), text, sizeof text);
  return text;
}

IpAddress IpAddress::LimitGroup() const {
  IpAddress group = *this;
  if (!ipv4()) std::fill(group.bytes_.begin() + 8, group.bytes_.end(), 0);
  return group;
}

std::size_t IpAddressHash::operator()(const IpAddress& address) const {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
}

Result<IpBlocks> IpBlocks::Parse(const std::vector<std::string>& blocks) {
  IpBlocks parsed;
  for (const std::string& text : blocks) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::Parse(std::string_view(text).substr(0, slash));
    if (!address) return Fail(ErrorCode::kInvalid, "not an IP address or CIDR block: " + text);
    const int width = address->ipv4() ? 32 : 128;
    int bits = width;
    if (slash != text.npos) {
      const char* end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
      if (error != std::errc() || stop != end || bits < 0 || bits > width) {
        return Fail(ErrorCode::kInvalid, "not an IP address or CIDR block: " + text);
      }
    }
    parsed.blocks_.push_back({*address, bits + 128 - width});
  }
  return parsed;
}

bool IpBlocks::Contains(const IpAddress& address) const {
  return std::ranges::any_of(blocks_, [&](const Block& block) {
    const auto whole = static_cast<std::size_t>(block.bits / 8);
    const int rest = block.bits % 8;
    const auto& a = address.bytes();
    const auto& b = block.first.bytes();
    if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
  });
}

IpAddress ForwardedClient(const IpAddress& peer, std::string_view forwarded_for, const IpBlocks& trusted) {
  IpAddress client = peer;
  while (!forwarded_for.empty() && trusted.Contains(client)) {
    const std::size_t comma = forwarded_for.rfind(',');
    const std::string_view last = comma == forwarded_for.npos ? forwarded_for : forwarded_for.substr(comma + 1);
    const auto address = ParseForwarded(last);
    if (!address) break;
    client = *address;
    forwarded_for = comma == forwarded_for.npos ? std::string_view() : forwarded_for.substr(0, comma);
  }
  return client;
}

}  // namespace tidings::net
