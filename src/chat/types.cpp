#include <tidings/chat/types.hpp>

#include <algorithm>
#include <array>

namespace tidings::chat {

namespace {

constexpr std::array<std::string_view, 3> kKinds = {"group", "direct", "public"};
constexpr std::array<std::string_view, 3> kRoles = {"member", "admin", "owner"};
constexpr std::array<std::string_view, 4> kTypes = {"text", "image", "contact", "system"};

template <class Enum, std::size_t N>
std::optional<Enum> Find(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view Name(RoomKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view Name(Role role) { return kRoles[static_cast<std::size_t>(role)]; }
std::string_view Name(MessageType type) { return kTypes[static_cast<std::size_t>(type)]; }
std::optional<RoomKind> ParseRoomKind(std::string_view name) { return Find<RoomKind>(kKinds, name); }
std::optional<Role> ParseRole(std::string_view name) { return Find<Role>(kRoles, name); }
std::optional<MessageType> ParseMessageType(std::string_view name) { return Find<MessageType>(kTypes, name); }

bool IsRoomId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace tidings::chat
