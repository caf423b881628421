#include "session_rows.hpp"

#include <string>

namespace tidings::sqlite {

namespace {

chat::SessionRoomRow SessionRoomOf(const Rows& rows) {
  return {rows.Whole(0), rows.Whole(1), rows.Whole(2), rows.Whole(3), rows.Whole(4)};
}

}  // namespace

SessionRows::SessionRows(Database& database)
    : find_(database, "SELECT pid, user, socket_id, begin, seen_at, shown FROM sessions WHERE pid = ?1"),
      put_(database,
           "INSERT INTO sessions (pid, user, socket_id, begin, seen_at, shown) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
           "ON CONFLICT (pid) DO UPDATE SET user = ?2, socket_id = ?3, begin = ?4, seen_at = ?5, shown = ?6"),
      remove_(database, "DELETE FROM sessions WHERE pid = ?1"),
      remove_rooms_(database, "DELETE FROM session_rooms WHERE pid = ?1"),
      past_(database, "SELECT pid FROM sessions WHERE user = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ?2"),
      rooms_(database, "SELECT room, after, joined, number, left_at FROM session_rooms WHERE pid = ?1 ORDER BY room"),
      find_room_(database,
                 "SELECT room, after, joined, number, left_at FROM session_rooms WHERE pid = ?1 AND room = ?2"),
      put_room_(database,
                "INSERT INTO session_rooms (pid, room, after, joined, number, left_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
                "ON CONFLICT (pid, room) DO UPDATE SET after = ?3, joined = ?4, number = ?5, left_at = ?6"),
      remove_room_(database, "DELETE FROM session_rooms WHERE pid = ?1 AND room = ?2"),
      leave_rooms_(database,
                   "UPDATE session_rooms SET left_at = ?3 "
                   "WHERE pid IN (SELECT pid FROM sessions WHERE user = ?1) AND room = ?2 AND left_at = 0"),
      joins_mark_(database, "SELECT number FROM joins_mark WHERE one = 1"),
      put_joins_mark_(database, "UPDATE joins_mark SET number = ?1 WHERE one = 1"),
      old_(database, "SELECT pid FROM sessions WHERE seen_at < ?1 ORDER BY seen_at LIMIT ?2") {}

std::optional<chat::SessionRow> SessionRows::Find(std::string_view pid) {
  Rows rows = find_.Query(pid);
  if (!rows.Next()) return std::nullopt;
  chat::SessionRow session;
  session.pid = rows.Text(0);
  session.user = rows.Whole(1);
  session.socket_id = rows.Text(2);
  session.begin = rows.Whole(3);
  session.seen_at = rows.Int(4);
  session.shown = rows.Text(5);
  return session;
}

void SessionRows::Put(const chat::SessionRow& session) {
  put_.Execute(session.pid, session.user, session.socket_id, session.begin, session.seen_at, session.shown);
}

void SessionRows::Remove(std::string_view pid) {
  remove_rooms_.Execute(pid);
  remove_.Execute(pid);
}

void SessionRows::Trim(chat::UserKey user, std::uint64_t kept) { RemoveAll(past_.Query(user, kept)); }

std::vector<chat::SessionRoomRow> SessionRows::Rooms(std::string_view pid) {
  std::vector<chat::SessionRoomRow> rooms;
  for (Rows rows = rooms_.Query(pid); rows.Next();) rooms.push_back(SessionRoomOf(rows));
  return rooms;
}

std::optional<chat::SessionRoomRow> SessionRows::FindRoom(std::string_view pid, chat::RoomKey room) {
  Rows rows = find_room_.Query(pid, room);
  if (!rows.Next()) return std::nullopt;
  return SessionRoomOf(rows);
}

void SessionRows::PutRoom(std::string_view pid, const chat::SessionRoomRow& row) {
  put_room_.Execute(pid, row.room, row.from, row.joined, row.number, row.left);
}

void SessionRows::RemoveRoom(std::string_view pid, chat::RoomKey room) { remove_room_.Execute(pid, room); }

void SessionRows::LeaveRooms(chat::UserKey user, chat::RoomKey room, chat::Position position) {
  leave_rooms_.Execute(user, room, position);
}

chat::JoinNumber SessionRows::JoinsMark() { return static_cast<chat::JoinNumber>(joins_mark_.Number().value_or(0)); }

void SessionRows::PutJoinsMark(chat::JoinNumber number) { put_joins_mark_.Execute(number); }

std::uint64_t SessionRows::Purge(Millis seen_before, std::uint64_t most) {
  return RemoveAll(old_.Query(seen_before, most));
}

// All are read before the first goes.
std::uint64_t SessionRows::RemoveAll(Rows pids) {
  std::vector<std::string> all;
  while (pids.Next()) all.emplace_back(pids.Text(0));
  for (const std::string& pid : all) Remove(pid);
  return all.size();
}

}  // namespace tidings::sqlite
