#include "user_text.hpp"

#include <cstdint>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/bytes.hpp>

namespace tidings::auth {

namespace {

constexpr std::size_t kMaxNameCharacters = 128;

// Takes the first character off. REQUIRES: text is not empty and IsUtf8.
char32_t TakeCharacter(std::string_view& text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t character = size == 1 ? first : first & (0xff >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) character = character << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3f);
  text.remove_prefix(size);
  return character;
}

bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 ||  // lines
         (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||        // direction
         c == 0xfeff || (c & 0xfffe) == 0xfffe;                                 // byte order mark, no characters
}

}  // namespace

bool IsUserId(std::string_view sub) {
  if (sub.empty() || sub.size() > kMaxSubCharacters * 4 || !IsUtf8(sub)) return false;
  std::size_t count = 0;
  for (std::string_view rest = sub; !rest.empty();) {
    if (IsControl(TakeCharacter(rest)) || ++count > kMaxSubCharacters) return false;
  }
  return true;
}

std::string CleanName(std::string_view name) {
  std::string out;
  std::size_t count = 0;
  for (std::string_view rest = name; !rest.empty() && count < kMaxNameCharacters; ++count) {
    const std::string_view before = rest;
    if (IsControl(TakeCharacter(rest))) {
      out += ' ';
    } else {
      out += before.substr(0, before.size() - rest.size());
    }
  }
  return out;
}

}  // namespace tidings::auth
