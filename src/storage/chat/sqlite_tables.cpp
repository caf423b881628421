#include <tidings/storage/chat/sqlite_tables.hpp>

#include <tidings/storage/sqlite/event_store.hpp>

#include "count_rows.hpp"
#include "message_rows.hpp"
#include "queue_rows.hpp"
#include "room_rows.hpp"
#include "session_rows.hpp"
#include "user_rows.hpp"

namespace tidings::sqlite {

using chat::JoinNumber;
using chat::MemberRow;
using chat::Position;
using chat::ReactionRow;
using chat::RoomKey;
using chat::RoomRow;
using chat::Seq;
using chat::SessionRoomRow;
using chat::SessionRow;
using chat::UserKey;
using chat::UserRow;

struct SqliteTables::Rows {
  explicit Rows(Database& at)
      : database(at),
        users(database),
        put_users(database),
        rooms(database),
        put_rooms(database),
        members(database),
        put_members(database),
        states(database),
        messages(database),
        reactions(database),
        counts(database),
        put_counts(database),
        sessions(database) {}

  Database& database;
  UserRows users;
  UserWrites put_users;
  RoomRows rooms;
  RoomWrites put_rooms;
  MemberRows members;
  MemberWrites put_members;
  StateRows states;
  MessageWrites messages;
  ReactionRows reactions;
  CountRows counts;
  CountWrites put_counts;
  SessionRows sessions;
};

SqliteTables::SqliteTables(Database& database) : rows_(std::make_unique<Rows>(database)) {}
SqliteTables::~SqliteTables() = default;

SqliteTables& SqliteTables::Of(eventing::Transaction& transaction) {
  return SqliteTransaction::Of(transaction).database().Slot<SqliteTables>();
}

std::optional<UserRow> SqliteTables::FindUser(std::string_view id) { return rows_->users.Find(id); }
std::optional<UserRow> SqliteTables::FindUser(UserKey key) { return rows_->users.Find(key); }
std::optional<UserRow> SqliteTables::FindUsername(std::string_view name) { return rows_->users.FindName(name); }
UserKey SqliteTables::InsertUser(const UserRow& user) { return rows_->put_users.Insert(user); }
void SqliteTables::UpdateUser(const UserRow& user) { rows_->put_users.Update(user); }

std::optional<RoomRow> SqliteTables::FindRoom(std::string_view id) { return rows_->rooms.Find(id); }
std::optional<RoomRow> SqliteTables::FindRoom(RoomKey key) { return rows_->rooms.Find(key); }
std::optional<RoomKey> SqliteTables::FindDirect(UserKey low, UserKey high) {
  return rows_->rooms.FindDirect(low, high);
}
void SqliteTables::PutRoom(const RoomRow& room) { rows_->put_rooms.Put(room); }

std::vector<MemberRow> SqliteTables::Members(RoomKey room) { return rows_->members.Of(room); }
void SqliteTables::PutMember(RoomKey room, const MemberRow& member) { rows_->put_members.Put(room, member); }
void SqliteTables::RemoveMember(RoomKey room, UserKey user) { rows_->put_members.Remove(room, user); }
void SqliteTables::SetRead(RoomKey room, UserKey user, Seq read) { rows_->put_members.SetRead(room, user, read); }
std::uint64_t SqliteTables::CountRoomsOf(UserKey user) { return rows_->rooms.CountOf(user); }

std::optional<std::string> SqliteTables::MessageState(RoomKey room, Seq seq) { return rows_->states.Find(room, seq); }
void SqliteTables::PutMessageState(RoomKey room, Seq seq, Seq last_event, std::string_view record) {
  rows_->messages.PutState(room, seq, last_event, record);
}
Seq SqliteTables::LastEventOf(RoomKey room, Seq seq) { return rows_->states.LastEvent(room, seq); }

std::optional<Position> SqliteTables::FindSend(UserKey sender, std::string_view client_id) {
  return rows_->messages.FindSend(sender, client_id);
}
void SqliteTables::PutSend(UserKey sender, std::string_view client_id, Position position) {
  rows_->messages.PutSend(sender, client_id, position);
}
Position SqliteTables::SendsMark() { return rows_->messages.SendsMark(); }
void SqliteTables::PutSendsMark(Position position) { rows_->messages.PutSendsMark(position); }

void SqliteTables::PutMention(UserKey user, RoomKey room, Seq seq) { rows_->messages.PutMention(user, room, seq); }
void SqliteTables::RemoveMention(UserKey user, RoomKey room, Seq seq) {
  rows_->messages.RemoveMention(user, room, seq);
}

bool SqliteTables::HasReaction(RoomKey room, Seq seq, std::string_view emoji, UserKey user) {
  return rows_->reactions.Has(room, seq, emoji, user);
}
void SqliteTables::PutReaction(RoomKey room, Seq seq, std::string_view emoji, UserKey user, std::string_view user_id,
                               Seq order) {
  rows_->reactions.Put(room, seq, emoji, user, user_id, order);
}
void SqliteTables::RemoveReaction(RoomKey room, Seq seq, std::string_view emoji, UserKey user) {
  rows_->reactions.Remove(room, seq, emoji, user);
}
void SqliteTables::RemoveReactions(RoomKey room, Seq seq) { rows_->reactions.RemoveAll(room, seq); }
std::vector<ReactionRow> SqliteTables::Reactions(RoomKey room, Seq seq) { return rows_->reactions.Of(room, seq); }

void SqliteTables::PutReply(RoomKey room, Seq parent, Seq reply) { rows_->messages.PutReply(room, parent, reply); }
std::vector<Seq> SqliteTables::Replies(RoomKey room, Seq parent) { return rows_->messages.Replies(room, parent); }

void SqliteTables::CloseBlock(RoomKey room, std::uint64_t block) { rows_->put_counts.Close(room, block); }
void SqliteTables::AddToBlock(RoomKey room, std::uint64_t block, UserKey author, int change) {
  rows_->put_counts.Add(room, block, author, change);
}
std::optional<Seq> SqliteTables::NewestMessage(RoomKey room, Seq below) {
  return rows_->counts.NewestMessage(room, below);
}
std::uint64_t SqliteTables::Unread(RoomKey room, UserKey user, Seq past) {
  return rows_->counts.Unread(room, user, past);
}
std::uint64_t SqliteTables::Mentions(RoomKey room, UserKey user, Seq past) {
  return rows_->counts.Mentions(room, user, past);
}

std::optional<SessionRow> SqliteTables::FindSession(std::string_view pid) { return rows_->sessions.Find(pid); }
void SqliteTables::PutSession(const SessionRow& session) { rows_->sessions.Put(session); }
void SqliteTables::RemoveSession(std::string_view pid) { rows_->sessions.Remove(pid); }
void SqliteTables::TrimSessions(UserKey user, std::uint64_t kept) { rows_->sessions.Trim(user, kept); }
std::optional<SessionRoomRow> SqliteTables::FindSessionRoom(std::string_view pid, RoomKey room) {
  return rows_->sessions.FindRoom(pid, room);
}
std::vector<SessionRoomRow> SqliteTables::SessionRooms(std::string_view pid) { return rows_->sessions.Rooms(pid); }
void SqliteTables::PutSessionRoom(std::string_view pid, const SessionRoomRow& row) {
  rows_->sessions.PutRoom(pid, row);
}
void SqliteTables::RemoveSessionRoom(std::string_view pid, RoomKey room) { rows_->sessions.RemoveRoom(pid, room); }
void SqliteTables::LeaveSessionRooms(UserKey user, RoomKey room, Position position) {
  rows_->sessions.LeaveRooms(user, room, position);
}
JoinNumber SqliteTables::JoinsMark() { return rows_->sessions.JoinsMark(); }
void SqliteTables::PutJoinsMark(JoinNumber number) { rows_->sessions.PutJoinsMark(number); }
std::uint64_t SqliteTables::PurgeSessions(Millis seen_before, std::uint64_t most) {
  return rows_->sessions.Purge(seen_before, most);
}

// Prepared anew each time: it is rare, and a file of derived tables alone has no checkpoints.
void SqliteTables::PutCheckpoint(std::string_view reader, Position position) {
  Statement(rows_->database,
            "INSERT INTO checkpoints (reader, position) VALUES (?, ?) "
            "ON CONFLICT (reader) DO UPDATE SET position = excluded.position")
      .Execute(reader, position);
}

// Made when it is first needed, for the same reason.
void SqliteTables::PutQueues(const chat::QueueChanges& changes) { rows_->database.Slot<QueueWrites>().Put(changes); }

}  // namespace tidings::sqlite
