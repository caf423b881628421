// Raw DEFLATE as permessage-deflate uses it (RFC 7692 §7.2), each message by itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidings::net {

enum class InflateResult { kWhole, kBad, kTooLarge };

// Inflates one message into `out`, never more than `most` bytes of it.
InflateResult InflateMessage(std::string_view compressed, std::size_t most, std::string& out);

// Deflates one message with a 32 KiB window, without the trailing 00 00 ff ff.
std::string DeflateMessage(std::string_view message);

}  // namespace tidings::net
