// The room as one reader sees it.
#pragma once

#include <string>
#include <vector>

#include <tidings/chat/types.hpp>

namespace tidings::chat {

struct RoomView {
  const RoomRow& room;
  const MemberRow* member = nullptr;  // the reader; null: none
  std::uint64_t unread = 0;
  std::uint64_t mentions = 0;
  const std::vector<std::string>* visible = nullptr;  // lastMessageVisibleOnUsers; null: the member is left out
};

// Appends the room document of HTTP answers and of room:join.
void AppendRoomView(std::string& out, const RoomView& view);
// Appends `lastMessage` alone, or null.
void AppendLastMessage(std::string& out, const RoomRow& room);
// Appends one member as GET …/members shows it.
void AppendMember(std::string& out, std::string_view user_id, const MemberRow& member);

}  // namespace tidings::chat
