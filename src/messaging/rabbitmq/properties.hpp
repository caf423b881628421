// Basic properties: the part of a message's header that AMQP 0-9-1 (§1.8.3 "basic") knows by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::messaging::rabbitmq {

// Borrows its texts. A property is there if its flag is.
class Properties {
 public:
  enum Flag : std::uint16_t {
    kContentType = 1 << 15,
    kContentEncoding = 1 << 14,
    kHeaders = 1 << 13,
    kDeliveryMode = 1 << 12,
    kPriority = 1 << 11,
    kCorrelationId = 1 << 10,
    kReplyTo = 1 << 9,
    kExpiration = 1 << 8,
    kMessageId = 1 << 7,
    kTimestamp = 1 << 6,
    kType = 1 << 5,
    kUserId = 1 << 4,
    kAppId = 1 << 3,
    kClusterId = 1 << 2,
  };

  std::uint16_t flags = 0;
  std::string_view content_type;
  std::string_view content_encoding;
  std::string_view headers;  // the table's content, without its length
  std::uint8_t delivery_mode = 0;
  std::uint8_t priority = 0;
  std::string_view correlation_id;
  std::string_view reply_to;
  std::string_view expiration;
  std::string_view message_id;
  std::uint64_t timestamp = 0;  // seconds since 1970
  std::string_view type;
  std::string_view user_id;
  std::string_view app_id;
  std::string_view cluster_id;

  bool Has(Flag flag) const { return (flags & flag) != 0; }
  void Set(Flag flag, std::string_view Properties::* member, std::string_view value) {
    flags |= flag;
    this->*member = value;
  }
};

inline constexpr std::uint8_t kPersistent = 2;

// False if they are malformed; the table itself is not looked into.
bool ReadProperties(std::string_view bytes, Properties& properties);
// REQUIRES: every text has at most 255 bytes, the headers excepted.
void AppendProperties(std::string& out, const Properties& properties);

}  // namespace tidings::messaging::rabbitmq
