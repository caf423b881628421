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

bool Unescape(std::string_view text, std::string& plain) {
  if (!text.contains('\\')) {
    plain = text;
    return true;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    ++i;
    if (i == text.size() || (text[i] != '\\' && text[i] != 'n')) return false;
    plain += text[i] == 'n' ? '\n' : '\\';
  }
  return true;
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
  std::optional<Message> message(std::in_place);
  if (!DecodeMessage(bytes, *message)) message.reset();
  return message;
}

bool DecodeMessage(std::string_view bytes, Message& message) {
  if (!bytes.starts_with(kFormat)) return false;
  bytes.remove_prefix(kFormat.size());
  const auto id = TakeLine(bytes);
  const auto type = TakeLine(bytes);
  const auto key = TakeLine(bytes);
  if (!id || !type || !key) return false;
  message.id = *id;
  if (!Unescape(*type, message.type) || !Unescape(*key, message.key)) return false;
  for (;;) {
    const auto line = TakeLine(bytes);
    if (!line) return false;
    if (line->empty()) break;
    const std::size_t blank = line->find(' ');
    if (blank == std::string_view::npos || blank == 0) return false;
    std::string value;
    if (!Unescape(line->substr(blank + 1), value) || message.headers.Has(line->substr(0, blank))) return false;
    message.headers.Set(line->substr(0, blank), std::move(value));
  }
  message.body = bytes;
  return Check(message).has_value();
}

}  // namespace tidings::redis
