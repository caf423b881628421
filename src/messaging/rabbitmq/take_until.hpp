// Reading text piece by piece.
#pragma once

#include <cstddef>
#include <string_view>

namespace tidings::messaging::rabbitmq {

// What comes before the separator; the rest stays. All of it, and nothing, if there is none.
inline std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

}  // namespace tidings::messaging::rabbitmq
