// Bytes and texts of the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidings {

// A run of bytes. Text is UTF-8 in the same type.
using Bytes = std::string;

// RFC 4648 §4, with padding.
std::string Base64Encode(std::string_view bytes);
// Accepts padded and unpadded input and skips CR and LF (some clients break lines); anything else: nothing.
std::optional<Bytes> Base64Decode(std::string_view text);
// RFC 4648 §5, without padding, as in JWTs. The decoder accepts no padding and no spare bits.
std::string Base64UrlEncode(std::string_view bytes);
std::optional<Bytes> Base64UrlDecode(std::string_view text);

// Lower case.
std::string HexEncode(std::string_view bytes);

// Whether these bytes are well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool IsUtf8(std::string_view bytes);

// Checks UTF-8 that arrives in pieces.
class Utf8Checker {
 public:
  // False once what came so far can no longer become well-formed.
  bool Feed(std::string_view piece);
  // Whether what came so far ends on a character's border.
  bool Complete() const { return missing_ == 0; }

 private:
  int missing_ = 0;
  std::uint8_t low_ = 0x80;
  std::uint8_t high_ = 0xbf;
};

// Number of code points. REQUIRES: IsUtf8(text).
std::size_t CountCodePoints(std::string_view text);

// Whole numbers as clients write them: digits only, no sign, no leading zero, at most 2^53 - 1.
std::optional<std::uint64_t> ParseWhole(std::string_view text);

// Compares without telling by its time where the difference is.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

}  // namespace tidings
