// RedisUrl: where a Redis is, and as whom to speak to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::redis {

class RedisUrl {
 public:
  RedisUrl() = default;
  // redis://[[user]:password@]host[:port][/database]; what is special in a part is percent-encoded, an IPv6 address stands
  // in brackets. kInvalid: it is none, or rediss:// (TLS), which this client does not speak.
  static Result<RedisUrl> Parse(std::string_view url);
  // Without the password: for messages.
  std::string Text() const;

  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user;
  std::string password;
  std::uint32_t database = 0;
};

}  // namespace tidings::redis
