#include <tidings/base/bytes.hpp>
#include <tidings/chat/engine.hpp>

namespace tidings::chat {

namespace {

// No less than a socket may follow, see ChatSettings::rooms_per_socket.
constexpr std::size_t kMostReplays = 1'000;

void AppendWhole(std::string& out, std::uint64_t number) { out += std::to_string(number); }

}  // namespace

// position, then for each replay .room-seq: "17", "17.4-120.9-3".
std::string Offset::Text() const {
  std::string out;
  AppendWhole(out, position);
  for (const auto& [room, seq] : replays) {
    out += '.';
    AppendWhole(out, room);
    out += '-';
    AppendWhole(out, seq);
  }
  return out;
}

std::optional<Offset> Offset::Parse(std::string_view text) {
  Offset offset;
  std::size_t end = text.find('.');
  const auto position = ParseWhole(text.substr(0, end));
  if (!position) return std::nullopt;
  offset.position = *position;
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 1);
    end = text.find('.');
    const std::string_view part = text.substr(0, end);
    const std::size_t dash = part.find('-');
    if (dash == std::string_view::npos || offset.replays.size() == kMostReplays) return std::nullopt;
    const auto room = ParseWhole(part.substr(0, dash));
    const auto seq = ParseWhole(part.substr(dash + 1));
    if (!room || !seq) return std::nullopt;
    offset.replays.emplace_back(*room, *seq);
  }
  return offset;
}

}  // namespace tidings::chat
