#include "value_types.hpp"

#include <algorithm>
#include <utility>

#include <tidings/base/bytes.hpp>

#include "table.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// Whether `value`, as the wire had it, is the text that its header has now.
bool Says(std::string_view value, std::string_view now) {
  Reader reader(value);
  const char type = static_cast<char>(reader.U8());
  const auto read = ReadValue(reader, type);
  return read && reader.done() && read->Text() == now;
}

}  // namespace

void ValueTypes::Add(std::string_view name, std::string_view value) {
  // Names have no blanks; one with a "=" would be taken for a shorter one.
  if (name.contains('=')) return;
  added_.insert_or_assign(std::string(name), std::string(value));
}

void ValueTypes::Remove(std::string_view name) {
  if (const auto found = added_.find(name); found != added_.end()) added_.erase(found);
}

void ValueTypes::PutInto(Headers& headers) const {
  if (added_.empty() || headers.size() >= Headers::kMostHeaders) return;
  std::string text;
  for (const auto& [name, value] : added_) {
    const auto now = headers.Find(name);
    if (!now || !Says(value, *now)) continue;
    if (!text.empty()) text += ' ';
    text.append(name).append("=").append(Base64UrlEncode(value));
  }
  if (text.empty() || headers.Bytes() + kTypes.size() + text.size() > Headers::kMostHeaderBytes) return;
  headers.Set(kTypes, std::move(text));
}

std::optional<std::string> ValueTypes::Find(std::string_view name, std::string_view now) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    if (entry.size() <= name.size() || entry[name.size()] != '=' || !entry.starts_with(name)) continue;
    auto value = Base64UrlDecode(entry.substr(name.size() + 1));
    if (value && Says(*value, now)) return value;
  }
  return std::nullopt;
}

}  // namespace tidings::messaging::rabbitmq
