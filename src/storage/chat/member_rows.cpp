#include "room_rows.hpp"

namespace tidings::sqlite {

namespace {

chat::MemberRow MemberOf(const Rows& rows) {
  chat::MemberRow member;
  member.user = rows.Whole(0);
  member.role = static_cast<chat::Role>(rows.Int(1));
  member.joined_at = rows.Int(2);
  member.joined = rows.Whole(3);
  member.read = rows.Whole(4);
  return member;
}

}  // namespace

MemberRows::MemberRows(Database& database)
    : one_(database, "SELECT user, role, joined_at, joined, read FROM members WHERE room = ?1 AND user = ?2"),
      all_(database, "SELECT user, role, joined_at, joined, read FROM members WHERE room = ?1 ORDER BY user"),
      named_(database,
             "SELECT user, role, joined_at, joined, read, users.id FROM members CROSS JOIN users "
             "ON users.key = members.user WHERE room = ?1 AND user > ?2 ORDER BY user LIMIT ?3"),
      at_(database,
          "SELECT users.id FROM members CROSS JOIN users ON users.key = members.user "
          "WHERE room = ?1 AND joined <= ?2 ORDER BY user"),
      seen_by_(database,
               "SELECT users.id, user, read FROM members CROSS JOIN users ON users.key = members.user "
               "WHERE room = ?1 AND user > ?2 AND user <> ?3 AND read >= ?4 ORDER BY user LIMIT ?5"),
      room_from_(database, "SELECT room FROM members WHERE user = ?1 AND room >= ?2 ORDER BY room LIMIT 1") {}

std::optional<chat::MemberRow> MemberRows::Find(chat::RoomKey room, chat::UserKey user) {
  Rows rows = one_.Query(room, user);
  if (!rows.Next()) return std::nullopt;
  return MemberOf(rows);
}

std::vector<chat::MemberRow> MemberRows::Of(chat::RoomKey room) {
  std::vector<chat::MemberRow> members;
  for (Rows rows = all_.Query(room); rows.Next();) members.push_back(MemberOf(rows));
  return members;
}

std::vector<std::pair<std::string, chat::MemberRow>> MemberRows::Named(chat::RoomKey room, chat::UserKey after,
                                                                       std::size_t limit) {
  std::vector<std::pair<std::string, chat::MemberRow>> members;
  for (Rows rows = named_.Query(room, after, limit); rows.Next();) {
    members.emplace_back(std::string(rows.Text(5)), MemberOf(rows));
  }
  return members;
}

std::vector<std::string> MemberRows::At(chat::RoomKey room, chat::Seq seq) {
  std::vector<std::string> ids;
  for (Rows rows = at_.Query(room, seq); rows.Next();) ids.emplace_back(rows.Text(0));
  return ids;
}

std::vector<chat::Watermark> MemberRows::SeenBy(chat::RoomKey room, chat::UserKey author, chat::Seq seq,
                                                chat::UserKey cursor, std::size_t limit) {
  std::vector<chat::Watermark> seen;
  for (Rows rows = seen_by_.Query(room, cursor, author, seq, limit); rows.Next();) {
    seen.push_back({std::string(rows.Text(0)), rows.Whole(1), rows.Whole(2)});
  }
  return seen;
}

// Each in turn leaps to the other's next room, so that the one with fewer rooms bounds the work.
bool MemberRows::ShareRoom(chat::UserKey one, chat::UserKey other) {
  std::int64_t room = 0;
  while (true) {
    const auto mine = room_from_.Number(one, room);
    if (!mine) return false;
    const auto theirs = room_from_.Number(other, *mine);
    if (!theirs) return false;
    if (*mine == *theirs) return true;
    room = *theirs;
  }
}

MemberWrites::MemberWrites(Database& database)
    : put_(database,
           "INSERT INTO members (room, user, role, joined_at, joined, read) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
           "ON CONFLICT (room, user) DO UPDATE SET role = ?3, joined_at = ?4, joined = ?5, read = ?6"),
      remove_(database, "DELETE FROM members WHERE room = ?1 AND user = ?2"),
      set_read_(database, "UPDATE members SET read = ?3 WHERE room = ?1 AND user = ?2") {}

void MemberWrites::Put(chat::RoomKey room, const chat::MemberRow& member) {
  put_.Execute(room, member.user, member.role, member.joined_at, member.joined, member.read);
}

void MemberWrites::Remove(chat::RoomKey room, chat::UserKey user) { remove_.Execute(room, user); }

void MemberWrites::SetRead(chat::RoomKey room, chat::UserKey user, chat::Seq read) {
  set_read_.Execute(room, user, read);
}

}  // namespace tidings::sqlite
