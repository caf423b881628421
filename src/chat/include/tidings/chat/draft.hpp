// What clients ask for, checked: types, sizes and sense, before anything is looked up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::chat {

// Bounds on what one request may bring; from the configuration.
struct Limits {
  std::size_t text_bytes = 65'536;
  std::size_t images = 20;
  std::size_t mentions = 200;
  std::size_t members_per_call = 10'000;
  std::size_t rooms_per_user = 10'000;
  std::size_t members_per_room = 100'000;
  std::size_t emojis_per_message = 50;
  std::size_t name_bytes = 256;
};

// createMessage, message:send.
struct SendDraft {
  std::string room;
  std::string text;
  std::string media_json;    // normalised; empty: none
  std::string contact_json;  // normalised; empty: none
  std::string alert;         // see MessageRecord::alert
  MessageType type = MessageType::kText;
  std::string reply_to;      // message id; empty: none
  std::vector<std::string> mentions;
  std::string client_id;     // empty: none
  std::string request_hash;  // 16 bytes over room and fields after defaults
};

// `room` is of the path; over the socket it is the member roomId. `admin`: the caller may send system messages.
Result<SendDraft> ParseSend(std::string_view room, const json::object& request, bool admin, const Limits& limits);

// POST /rooms.
struct RoomDraft {
  std::string id;  // empty: the server chooses
  std::string name;
  RoomKind kind = RoomKind::kGroup;
  std::vector<std::string> members;
};
Result<RoomDraft> ParseRoom(const json::object& request, const Limits& limits);

// The text of an edit.
Result<std::string> ParseText(const json::object& request, const Limits& limits);
// {userIds: [...]}, without repeats, in order.
Result<std::vector<std::string>> ParseUserIds(const json::object& request, std::string_view key, std::size_t most);
// The name of a room.
Result<std::string> CheckName(std::string name, const Limits& limits);
// One emoji as clients send it: 1 to 64 bytes without spaces and controls.
Status CheckEmoji(std::string_view emoji);

}  // namespace tidings::chat
