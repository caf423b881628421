#include <tidings/net/http_client.hpp>

#include <array>
#include <cstdint>

namespace tidings::net {
namespace {

struct Block {
  std::array<std::uint8_t, 16> first;
  int bits;
};

// https://www.iana.org/assignments/iana-ipv4-special-registry, and 224.0.0.0/4.
constexpr Block kV4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};
// https://www.iana.org/assignments/iana-ipv6-special-registry: what is not in 2000::/3, and what is special within it.
constexpr Block kV6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23},  // IETF protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x3f, 0xff, 0x00}, 20},        // documentation
    {{0x20, 0x02}, 16},              // 6to4: looked at by its IPv4 address below
};

bool In(std::string_view bytes, const Block& block) {
  for (int bit = 0; bit < block.bits; bit += 8) {
    const std::size_t at = static_cast<std::size_t>(bit / 8);
    const int left = block.bits - bit;
    const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xff : 0xff << (8 - left));
    if ((static_cast<std::uint8_t>(bytes[at]) & mask) != block.first[at]) return false;
  }
  return true;
}

}  // namespace

bool IsPublicAddress(std::string_view bytes) {
  if (bytes.size() == 4) {
    for (const Block& block : kV4) {
      if (In(bytes, block)) return false;
    }
    return true;
  }
  if (bytes.size() != 16) return false;
  constexpr Block kMapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
  constexpr Block kTranslated{{0x00, 0x64, 0xff, 0x9b}, 96};  // RFC 6052
  if (In(bytes, kMapped) || In(bytes, kTranslated)) return IsPublicAddress(bytes.substr(12));
  constexpr Block kGlobal{{0x20}, 3};
  if (!In(bytes, kGlobal)) return false;
  for (const Block& block : kV6) {
    if (In(bytes, block)) return false;
  }
  return true;
}

}  // namespace tidings::net
