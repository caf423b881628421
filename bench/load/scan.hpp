// Finding a value in a frame without parsing it. Frames of one kind look alike, so the place where a needle was found
// last is tried first.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace tidings::bench {

class Needle {
 public:
  explicit constexpr Needle(std::string_view needle) : needle_(needle) {}

  // The place of the needle in `text`, npos where it is not.
  std::size_t Find(std::string_view text) {
    if (hint_ + needle_.size() <= text.size() &&
        std::memcmp(text.data() + hint_, needle_.data(), needle_.size()) == 0) {
      return hint_;
    }
    const void* found = memmem(text.data(), text.size(), needle_.data(), needle_.size());
    if (found == nullptr) return std::string_view::npos;
    return hint_ = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  }

  std::size_t size() const { return needle_.size(); }

 private:
  std::string_view needle_;
  std::size_t hint_ = 0;
};

// The whole number that begins at `at`, nothing where there is no digit.
inline std::optional<std::uint64_t> NumberAt(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] < '0' || text[at] > '9') return std::nullopt;
  std::uint64_t value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = value * 10 + static_cast<std::uint64_t>(text[at] - '0');
  }
  return value;
}

// The number after the first `name` (given with quotes and colon).
inline std::optional<std::uint64_t> NumberAfter(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  return at == std::string_view::npos ? std::nullopt : NumberAt(text, at + name.size());
}

}  // namespace tidings::bench
