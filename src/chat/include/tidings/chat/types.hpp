// The words of the domain: users, rooms, members, places in a room's log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/id.hpp>
#include <tidings/eventing/event_store.hpp>

namespace tidings::chat {

using eventing::Position;
// A number in a room's log, from 1 without a hole: the version of the room's stream.
using Seq = eventing::Version;
// A room's number in the store: the key of its stream. Its id is the stream's name.
using RoomKey = eventing::StreamKey;
// Of one room:join by a durable session; rises over all of them in the store, and none is used again.
using JoinNumber = std::uint64_t;
// A user's number in the store; ids are what clients see.
using UserKey = std::uint64_t;

enum class RoomKind : std::uint8_t { kGroup = 0, kDirect = 1, kPublic = 2 };
enum class Role : std::uint8_t { kMember = 0, kAdmin = 1, kOwner = 2 };
enum class MessageType : std::uint8_t { kText = 0, kImage = 1, kContact = 2, kSystem = 3 };

std::string_view Name(RoomKind kind);
std::string_view Name(Role role);
std::string_view Name(MessageType type);
std::optional<RoomKind> ParseRoomKind(std::string_view name);
std::optional<Role> ParseRole(std::string_view name);
std::optional<MessageType> ParseMessageType(std::string_view name);

// [A-Za-z0-9_-]{1,64}
bool IsRoomId(std::string_view id);

// The types of the log's events; also the routing keys of the queue.
namespace event_type {
inline constexpr std::string_view kRoomCreated = "room.created";
inline constexpr std::string_view kRoomUpdated = "room.updated";
inline constexpr std::string_view kRoomDeleted = "room.deleted";
inline constexpr std::string_view kMemberJoined = "member.joined";
inline constexpr std::string_view kMemberLeft = "member.left";
inline constexpr std::string_view kMemberUpdated = "member.updated";
inline constexpr std::string_view kMessageCreated = "message.created";
inline constexpr std::string_view kMessageUpdated = "message.updated";
inline constexpr std::string_view kMessageDeleted = "message.deleted";
}  // namespace event_type

struct UserRow {
  UserKey key = 0;
  std::string id;
  std::string name;
  std::string username;  // of an own account; empty for users whom an application's tokens name
  std::string password_hash;
  bool suspended = false;
  Millis created_at = 0;
  Millis last_seen = 0;  // 0: never
};

struct MemberRow {
  UserKey user = 0;
  Role role = Role::kMember;
  Millis joined_at = 0;
  Seq joined = 0;  // number of the event that made them a member
  Seq read = 0;    // they have seen everything up to here
};

// The preview: the newest message that is not deleted.
struct LastMessage {
  Seq seq = 0;
  std::string id;
  std::string sender;  // user id
  std::string type;    // text, media, contact or system
  std::string value;
  Millis at = 0;
};

struct RoomRow {
  RoomKey key = 0;
  std::string id;
  RoomKind kind = RoomKind::kGroup;
  std::string name;
  UserKey creator = 0;
  std::string creator_id;
  UserKey pair_low = 0;  // of a direct room: its two users, else 0
  UserKey pair_high = 0;
  Millis created_at = 0;
  Millis updated_at = 0;
  Millis deleted_at = 0;  // 0: alive
  Seq head = 0;           // number of the newest event
  std::uint64_t members = 0;
  std::optional<LastMessage> last;

  // Newest activity, by which lists are ordered.
  Millis ActiveAt() const { return last ? last->at : created_at; }
};

// A member as events name them.
struct MemberName {
  std::string user_id;
  Role role = Role::kMember;
};

}  // namespace tidings::chat
