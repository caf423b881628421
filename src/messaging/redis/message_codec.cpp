#include "message_codec.hpp"

#include <algorithm>

namespace tidings::redis {
namespace {

constexpr std::string_view kFormat = "tidings1 ";

bool NeedsEscape(char c) { return c == '\\' || c == '\n'; }

std::size_t EscapedSize(std::string_view text) {
  return text.size() + static_cast<std::size_t>(std::ranges::count_if(text, NeedsEscape));
}

void AppendEscaped(std::string& out, std::string_view text) {
  if (std::ranges::none_of(text, NeedsEscape)) {
    out += text;
    return;
  }
  for (const char c : text) {
    if (NeedsEscape(c)) out += '\\';
    out += c == '\n' ? 'n' : c;
  }
}

std::optional<std::string> Unescaped(std::string_view text) {
  if (!text.contains('\\')) return std::string(text);
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    ++i;
    if (i == text.size() || (text[i] != '\\' && text[i] != 'n')) return std::nullopt;
    plain += text[i] == 'n' ? '\n' : '\\';
  }
  return plain;
}

// Cuts the next line off; nothing if there is no line end.
std::optional<std::string_view> TakeLine(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::size_t EncodedSize(const Message& message) {
  std::size_t size = kFormat.size() + message.id.size() + EscapedSize(message.type) + EscapedSize(message.key) + 4 +
                     message.body.size();
  for (const auto& [name, value] : message.headers) size += name.size() + EscapedSize(value) + 2;
  return size;
}

void AppendMessage(std::string& out, const Message& message) {
  out += kFormat;
  out += message.id;
  out += '\n';
  AppendEscaped(out, message.type);
  out += '\n';
  AppendEscaped(out, message.key);
  out += '\n';
  for (const auto& [name, value] : message.headers) {
    out += name;
    out += ' ';
    AppendEscaped(out, value);
    out += '\n';
  }
  out += '\n';
  out += message.body;
}

std::optional<Message> DecodeMessage(std::string_view bytes) {
  if (!bytes.starts_with(kFormat)) return std::nullopt;
  bytes.remove_prefix(kFormat.size());
  Message message;
  const auto id = TakeLine(bytes);
  const auto type = TakeLine(bytes);
  const auto key = TakeLine(bytes);
  if (!id || !type || !key) return std::nullopt;
  auto plain_type = Unescaped(*type);
  auto plain_key = Unescaped(*key);
  if (!plain_type || !plain_key) return std::nullopt;
  message.id = *id;
  message.type = std::move(*plain_type);
  message.key = std::move(*plain_key);
  for (;;) {
    const auto line = TakeLine(bytes);
    if (!line) return std::nullopt;
    if (line->empty()) break;
    const std::size_t blank = line->find(' ');
    if (blank == std::string_view::npos || blank == 0) return std::nullopt;
    auto value = Unescaped(line->substr(blank + 1));
    if (!value || message.headers.Has(line->substr(0, blank))) return std::nullopt;
    message.headers.Set(line->substr(0, blank), std::move(*value));
  }
  message.body = bytes;
  if (!Check(message)) return std::nullopt;
  return message;
}

}  // namespace tidings::redis
