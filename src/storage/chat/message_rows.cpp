#include "message_rows.hpp"

namespace tidings::sqlite {

using chat::Position;
using chat::RoomKey;
using chat::Seq;
using chat::UserKey;

StateRows::StateRows(Database& database)
    : one_(database, "SELECT record FROM message_state WHERE room = ?1 AND seq = ?2"),
      last_event_(database, "SELECT last_event FROM message_state WHERE room = ?1 AND seq = ?2"),
      between_(database,
               "SELECT seq, record FROM message_state WHERE room = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq") {}

std::optional<std::string> StateRows::Find(RoomKey room, Seq seq) {
  Rows rows = one_.Query(room, seq);
  if (!rows.Next()) return std::nullopt;
  return std::string(rows.Blob(0));
}

std::vector<std::pair<Seq, std::string>> StateRows::Between(RoomKey room, Seq first, Seq last) {
  std::vector<std::pair<Seq, std::string>> states;
  for (Rows rows = between_.Query(room, first, last); rows.Next();) {
    states.emplace_back(rows.Whole(0), std::string(rows.Blob(1)));
  }
  return states;
}

Seq StateRows::LastEvent(RoomKey room, Seq seq) { return static_cast<Seq>(last_event_.Number(room, seq).value_or(0)); }

MessageWrites::MessageWrites(Database& database)
    : put_state_(database,
                 "INSERT INTO message_state (room, seq, last_event, record) VALUES (?1, ?2, ?3, ?4) "
                 "ON CONFLICT (room, seq) DO UPDATE SET last_event = ?3, record = ?4"),
      find_send_(database, "SELECT position FROM sends WHERE sender = ?1 AND client_id = ?2"),
      put_send_(database, "INSERT INTO sends (sender, client_id, position) VALUES (?1, ?2, ?3)"),
      sends_mark_(database, "SELECT position FROM sends_mark WHERE one = 1"),
      put_sends_mark_(database, "UPDATE sends_mark SET position = ?1 WHERE one = 1"),
      // Without its event the author is null, which the table refuses.
      put_mention_(database,
                   "INSERT INTO mentions (user, room, seq, author) VALUES (?1, ?2, ?3, "
                   "(SELECT author FROM events WHERE stream = ?2 AND version = ?3)) "
                   "ON CONFLICT (user, room, seq) DO NOTHING"),
      remove_mention_(database, "DELETE FROM mentions WHERE user = ?1 AND room = ?2 AND seq = ?3"),
      put_reply_(database, "INSERT INTO replies (room, parent, reply) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"),
      replies_(database, "SELECT reply FROM replies WHERE room = ?1 AND parent = ?2 ORDER BY reply") {}

void MessageWrites::PutState(RoomKey room, Seq seq, Seq last_event, std::string_view record) {
  put_state_.Execute(room, seq, last_event, Blob(record));
}

std::optional<Position> MessageWrites::FindSend(UserKey sender, std::string_view client_id) {
  const auto position = find_send_.Number(sender, client_id);
  if (!position) return std::nullopt;
  return static_cast<Position>(*position);
}

void MessageWrites::PutSend(UserKey sender, std::string_view client_id, Position position) {
  put_send_.Execute(sender, client_id, position);
}

Position MessageWrites::SendsMark() { return static_cast<Position>(sends_mark_.Number().value_or(0)); }

void MessageWrites::PutSendsMark(Position position) { put_sends_mark_.Execute(position); }

void MessageWrites::PutMention(UserKey user, RoomKey room, Seq seq) { put_mention_.Execute(user, room, seq); }

void MessageWrites::RemoveMention(UserKey user, RoomKey room, Seq seq) { remove_mention_.Execute(user, room, seq); }

void MessageWrites::PutReply(RoomKey room, Seq parent, Seq reply) { put_reply_.Execute(room, parent, reply); }

std::vector<Seq> MessageWrites::Replies(RoomKey room, Seq parent) {
  std::vector<Seq> replies;
  for (Rows rows = replies_.Query(room, parent); rows.Next();) replies.push_back(rows.Whole(0));
  return replies;
}

}  // namespace tidings::sqlite
