#include "value_types.hpp"

#include <algorithm>

#include <tidings/base/bytes.hpp>

#include "table.hpp"

namespace tidings::messaging::rabbitmq {

void ValueTypes::Add(std::string_view name, std::string_view value) {
  // Names have no blanks; one with a "=" would be taken for a shorter one.
  if (name.contains('=')) return;
  if (!added_.empty()) added_ += ' ';
  added_.append(name).append("=").append(Base64UrlEncode(value));
}

void ValueTypes::PutInto(Headers& headers) const {
  if (added_.empty() || headers.Has(kTypes)) return;
  if (headers.size() >= Headers::kMostHeaders) return;
  if (headers.Bytes() + kTypes.size() + added_.size() > Headers::kMostHeaderBytes) return;
  headers.Set(kTypes, added_);
}

std::optional<std::string> ValueTypes::Find(std::string_view name, std::string_view now) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    if (entry.size() <= name.size() || entry[name.size()] != '=' || !entry.starts_with(name)) continue;
    auto value = Base64UrlDecode(entry.substr(name.size() + 1));
    if (!value || value->empty()) return std::nullopt;
    Reader reader(*value);
    const char type = static_cast<char>(reader.U8());
    const auto read = ReadValue(reader, type);
    if (!read || !reader.done() || read->Text() != now) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

}  // namespace tidings::messaging::rabbitmq
