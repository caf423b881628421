#include "header_text.hpp"

#include <algorithm>

#include <tidings/base/bytes.hpp>

namespace tidings::messaging::embedded {
namespace {

bool Plain(unsigned char byte) { return byte >= 0x20 && byte != 0x7f && byte != '\\'; }

void AppendEscaped(std::string& text, std::string_view value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (std::ranges::all_of(value, Plain) && IsUtf8(value)) {
    text += value;
    return;
  }
  const bool utf8 = IsUtf8(value);
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (Plain(byte) && (utf8 || byte < 0x80)) {
      text += c;
    } else {
      text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
}

int Digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

std::string Unescaped(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      value += static_cast<char>(Digit(text[i + 2]) << 4 | Digit(text[i + 3]));
      i += 3;
    } else {
      value += text[i];
    }
  }
  return value;
}

}  // namespace

std::string HeaderText(const Headers& headers) {
  std::string text;
  for (const auto& [name, value] : headers) {
    AppendEscaped(text, name);
    text += ": ";
    AppendEscaped(text, value);
    text += '\n';
  }
  return text;
}

Headers ParseHeaderText(std::string_view text) {
  Headers headers;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    // A name may hold a colon, but no blank.
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) {
      headers.Set(Unescaped(line.substr(0, colon)), Unescaped(line.substr(colon + 2)));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return headers;
}

}  // namespace tidings::messaging::embedded
