// The rows of durable sessions.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/tables.hpp>

namespace tidings::sqlite {

class SessionRows {
 public:
  explicit SessionRows(Database& database);

  std::optional<chat::SessionRow> Find(std::string_view pid);
  void Put(const chat::SessionRow& session);
  void Remove(std::string_view pid);
  void Trim(chat::UserKey user, std::uint64_t kept);
  std::vector<chat::SessionRoomRow> Rooms(std::string_view pid);
  std::optional<chat::SessionRoomRow> FindRoom(std::string_view pid, chat::RoomKey room);
  void PutRoom(std::string_view pid, const chat::SessionRoomRow& row);
  void RemoveRoom(std::string_view pid, chat::RoomKey room);
  void LeaveRooms(chat::UserKey user, chat::RoomKey room, chat::Position position);
  chat::JoinNumber JoinsMark();
  void PutJoinsMark(chat::JoinNumber number);
  std::uint64_t Purge(Millis seen_before, std::uint64_t most);

 private:
  std::uint64_t RemoveAll(Rows pids);

  Statement find_;
  Statement put_;
  Statement remove_;
  Statement remove_rooms_;
  Statement past_;
  Statement rooms_;
  Statement find_room_;
  Statement put_room_;
  Statement remove_room_;
  Statement leave_rooms_;
  Statement joins_mark_;
  Statement put_joins_mark_;
  Statement old_;
};

}  // namespace tidings::sqlite
