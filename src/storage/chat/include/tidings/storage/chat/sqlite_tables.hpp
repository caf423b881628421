// SqliteTables: the chat's tables over the writer's connection.
//
//   chat::Engine engine(store, sqlite::SqliteTables::Of, …);
#pragma once

#include <memory>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/tables.hpp>

namespace tidings::sqlite {

// Keeps its statements prepared. REQUIRES: the database has the tables of ChatSchema and outlives this.
class SqliteTables : public chat::Tables {
 public:
  explicit SqliteTables(Database& database);
  ~SqliteTables() override;

  // Those of the transaction's connection. REQUIRES: it is of a SqliteEventStore.
  static SqliteTables& Of(eventing::Transaction& transaction);

  std::optional<chat::UserRow> FindUser(std::string_view id) override;
  std::optional<chat::UserRow> FindUser(chat::UserKey key) override;
  std::optional<chat::UserRow> FindUsername(std::string_view username) override;
  chat::UserKey InsertUser(const chat::UserRow& user) override;
  void UpdateUser(const chat::UserRow& user) override;

  std::optional<chat::RoomRow> FindRoom(std::string_view id) override;
  std::optional<chat::RoomRow> FindRoom(chat::RoomKey key) override;
  std::optional<chat::RoomKey> FindDirect(chat::UserKey low, chat::UserKey high) override;
  void PutRoom(const chat::RoomRow& room) override;

  std::vector<chat::MemberRow> Members(chat::RoomKey room) override;
  void PutMember(chat::RoomKey room, const chat::MemberRow& member) override;
  void RemoveMember(chat::RoomKey room, chat::UserKey user) override;
  void SetRead(chat::RoomKey room, chat::UserKey user, chat::Seq read) override;
  // Rooms that are alive.
  std::uint64_t CountRoomsOf(chat::UserKey user) override;

  std::optional<std::string> MessageState(chat::RoomKey room, chat::Seq seq) override;
  void PutMessageState(chat::RoomKey room, chat::Seq seq, chat::Seq last_event, std::string_view record) override;
  chat::Seq LastEventOf(chat::RoomKey room, chat::Seq seq) override;

  std::optional<chat::Position> FindSend(chat::UserKey sender, std::string_view client_id) override;
  void PutSend(chat::UserKey sender, std::string_view client_id, chat::Position position) override;
  chat::Position SendsMark() override;
  void PutSendsMark(chat::Position position) override;

  // REQUIRES: the message's event is appended; its author is looked up.
  void PutMention(chat::UserKey user, chat::RoomKey room, chat::Seq seq) override;
  void RemoveMention(chat::UserKey user, chat::RoomKey room, chat::Seq seq) override;

  bool HasReaction(chat::RoomKey room, chat::Seq seq, std::string_view emoji, chat::UserKey user) override;
  void PutReaction(chat::RoomKey room, chat::Seq seq, std::string_view emoji, chat::UserKey user,
                   std::string_view user_id, chat::Seq order) override;
  void RemoveReaction(chat::RoomKey room, chat::Seq seq, std::string_view emoji, chat::UserKey user) override;
  void RemoveReactions(chat::RoomKey room, chat::Seq seq) override;
  std::vector<chat::ReactionRow> Reactions(chat::RoomKey room, chat::Seq seq) override;

  void PutReply(chat::RoomKey room, chat::Seq parent, chat::Seq reply) override;
  std::vector<chat::Seq> Replies(chat::RoomKey room, chat::Seq parent) override;

  // Blocks are closed once each, in rising order; a block that is closed already stays as it is.
  void CloseBlock(chat::RoomKey room, std::uint64_t block) override;
  // Changes the author's count and with it the count of all. Nothing happens while the block is open.
  void AddToBlock(chat::RoomKey room, std::uint64_t block, chat::UserKey author, int change) override;
  std::optional<chat::Seq> NewestMessage(chat::RoomKey room, chat::Seq below) override;
  std::uint64_t Unread(chat::RoomKey room, chat::UserKey user, chat::Seq past) override;
  std::uint64_t Mentions(chat::RoomKey room, chat::UserKey user, chat::Seq past) override;

  std::optional<chat::SessionRow> FindSession(std::string_view pid) override;
  void PutSession(const chat::SessionRow& session) override;
  void RemoveSession(std::string_view pid) override;
  void TrimSessions(chat::UserKey user, std::uint64_t kept) override;
  std::vector<chat::SessionRoomRow> SessionRooms(std::string_view pid) override;
  std::optional<chat::SessionRoomRow> FindSessionRoom(std::string_view pid, chat::RoomKey room) override;
  void PutSessionRoom(std::string_view pid, const chat::SessionRoomRow& row) override;
  void RemoveSessionRoom(std::string_view pid, chat::RoomKey room) override;
  void LeaveSessionRooms(chat::UserKey user, chat::RoomKey room, chat::Position position) override;
  chat::JoinNumber JoinsMark() override;
  void PutJoinsMark(chat::JoinNumber number) override;
  std::uint64_t PurgeSessions(Millis seen_before, std::uint64_t most) override;
  void PutCheckpoint(std::string_view reader, chat::Position position) override;
  void PutQueues(const chat::QueueChanges& changes) override;

 private:
  struct Rows;
  std::unique_ptr<Rows> rows_;
};

}  // namespace tidings::sqlite
