#include <tidings/messaging/headers.hpp>

#include <algorithm>

#include <tidings/base/bytes.hpp>

namespace tidings::messaging {

Headers::Headers(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) Set(entry.first, entry.second);
}

void Headers::Set(std::string_view name, std::string value) {
  for (Entry& entry : entries_) {
    if (entry.first == name) {
      entry.second = std::move(value);
      return;
    }
  }
  entries_.emplace_back(std::string(name), std::move(value));
}

void Headers::SetDefault(std::string_view name, std::string value) {
  if (!Has(name)) entries_.emplace_back(std::string(name), std::move(value));
}

void Headers::Remove(std::string_view name) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.first == name; });
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &Entry::first);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> Headers::Number(std::string_view name) const {
  const auto text = Find(name);
  return text ? ParseWhole(*text) : std::nullopt;
}

std::size_t Headers::Bytes() const {
  std::size_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry.first.size() + entry.second.size();
  return bytes;
}

}  // namespace tidings::messaging
