// Notices: what sockets are told besides the log. ROOM_UPDATED, SEEN and TYPING: gathered, newest wins, never owed.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tidings/net/chat/hub.hpp>
#include <tidings/net/chat/typing_board.hpp>

namespace tidings::net {

// Loop's thread only.
class Notices final : public HubWatcher {
 public:
  Notices(ChatServices& services, Hub& hub) : services_(services), hub_(hub) {}

  void OnEvent(const chat::LiveEvent& event) override;
  void OnRead(const chat::LiveRead& read) override;
  // Every 50 ms or so.
  void OnTick();

  // The user is a member of the room.
  void Typing(ChatSocket& socket, chat::RoomKey room, std::string_view room_id, bool active);

 private:
  // A room whose state somebody is to be told.
  struct Changed {
    std::shared_ptr<const std::string> room_id;
    std::shared_ptr<const chat::RoomPeople> people;          // all of them, if not null
    std::unordered_map<chat::UserKey, std::uint64_t> users;  // these, on all of their sockets but that one
  };
  struct RoomState {
    Changed changed;
    Millis next_update = 0;
    bool waiting = false;
  };
  struct SeenState {
    std::shared_ptr<const std::string> room_id;
    std::map<std::string, chat::Seq> users;
    Millis next = 0;
  };

  void Update(chat::RoomKey room, RoomState& state);
  bool TellTyping(const TypingBoard::Typist& who, bool active);

  ChatServices& services_;
  Hub& hub_;
  std::unordered_map<chat::RoomKey, RoomState> rooms_;
  std::unordered_map<chat::RoomKey, SeenState> seen_;
  TypingBoard typing_{[this](const TypingBoard::Typist& who, bool active) { return TellTyping(who, active); }};
};

}  // namespace tidings::net
