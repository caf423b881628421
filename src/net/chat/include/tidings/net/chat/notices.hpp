// Notices: what sockets are told besides the log. ROOM_UPDATED, SEEN and TYPING: gathered, newest wins, never owed.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tidings/net/chat/hub.hpp>

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
  struct TypingState {
    std::string room_id;
    std::string user_id;
    Millis said = 0;
    Millis ends = 0;  // 0: not typing
  };

  void Update(chat::RoomKey room, RoomState& state);
  void TellTyping(chat::RoomKey room, chat::UserKey user, const TypingState& state, bool active);

  ChatServices& services_;
  Hub& hub_;
  std::unordered_map<chat::RoomKey, RoomState> rooms_;
  std::unordered_map<chat::RoomKey, SeenState> seen_;
  std::map<std::pair<chat::RoomKey, chat::UserKey>, TypingState> typing_;
};

}  // namespace tidings::net
