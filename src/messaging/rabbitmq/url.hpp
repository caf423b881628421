// amqp:// and amqps:// addresses, as RabbitMQ's "URI specification" has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::messaging::rabbitmq {

class Url {
 public:
  bool tls = false;
  std::string host = "localhost";
  std::uint16_t port = 5672;
  std::string user = "guest";
  std::string password = "guest";
  std::string vhost = "/";
  std::optional<std::uint16_t> heartbeat;  // seconds, "?heartbeat="; 0 switches it off
  std::string ca_file;                     // amqps: "?cacertfile="; else the system's
  bool verify = true;                      // amqps: false with "?verify=verify_none"

  // For logs and errors: scheme, host, port and vhost, without user and password.
  std::string Shown() const;
};

// amqp://user:password@host:port/vhost?heartbeat=10. User, password and vhost are percent-decoded; without a vhost, and with
// an empty one, it is "/". kInvalid says what is wrong, without the password.
Result<Url> ParseUrl(std::string_view text);

}  // namespace tidings::messaging::rabbitmq
