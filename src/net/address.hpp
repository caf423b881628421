// IP addresses and blocks of them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include <tidings/base/error.hpp>

namespace tidings::net {

// An IPv6 address; IPv4 lies in ::ffff:0:0/96, so that one client has one address on every kind of socket.
class IpAddress {
 public:
  IpAddress() = default;
  static IpAddress FromSocket(const sockaddr_storage& from);
  // Four or sixteen bytes, as they lie on the wire.
  static IpAddress FromBytes(std::string_view bytes);
  // "10.0.0.1", "::1", "[::1]"; nothing for anything else.
  static std::optional<IpAddress> Parse(std::string_view text);

  bool ipv4() const;
  std::string Text() const;
  // Whose limits it shares: itself, or its /64.
  IpAddress LimitGroup() const;
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

struct IpAddressHash {
  std::size_t operator()(const IpAddress& address) const;
};

// "10.0.0.0/8", "fd00::/8", or an address by itself.
class IpBlocks {
 public:
  static Result<IpBlocks> Parse(const std::vector<std::string>& blocks);
  bool Contains(const IpAddress& address) const;
  bool empty() const { return blocks_.empty(); }

 private:
  struct Block {
    IpAddress first;
    int bits = 128;
  };
  std::vector<Block> blocks_;
};

// The client behind trusted proxies: the last address of X-Forwarded-For (RFC 7239 §7.4's order) that is no proxy of
// ours. `peer` where the header says nothing sensible.
IpAddress ForwardedClient(const IpAddress& peer, std::string_view forwarded_for, const IpBlocks& trusted);

}  // namespace tidings::net
