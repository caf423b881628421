// Tables: the port to the rows that are derived from the log (and to users, read positions and sessions, which lie beside
// it). Dumb on purpose: what the rows mean is the domain's business.
//
// One Tables belongs to the writer and is used on its thread, within its transaction; failures of the store are thrown
// as eventing::StoreFailure. What is written is seen at once by later calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/chat/queue_rows.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::chat {

struct ReactionRow {
  std::string emoji;
  std::uint64_t count = 0;
  std::vector<std::string> users;  // the first 50, in the order in which they reacted
};

// A durable session of a Socket.IO client that asked for recovery.
struct SessionRow {
  std::string pid;
  UserKey user = 0;
  std::string socket_id;
  Position begin = 0;  // the log's head when it began
  Millis seen_at = 0;
  std::string shown;   // the offset that the client showed as it began: of another session, whatever it says
};

struct SessionRoomRow {
  RoomKey room = 0;
  Seq from = 0;           // the socket was to get what is above this
  Position joined = 0;    // the log's head when it joined
  JoinNumber number = 0;  // of the join; above those of all earlier ones
  Position left = 0;      // where its user ceased to be a member of the room meanwhile; 0: nowhere
};

// Idempotency: (sender, clientMessageId) to the position of the message.created.
class SendTable {
 public:
  virtual ~SendTable() = default;
  virtual std::optional<Position> FindSend(UserKey sender, std::string_view client_id) = 0;
  // REQUIRES: there is none.
  virtual void PutSend(UserKey sender, std::string_view client_id, Position position) = 0;
  // All rows of sends up to this position are there; those of later ones may be.
  virtual Position SendsMark() = 0;
  virtual void PutSendsMark(Position position) = 0;
};

class Tables : public SendTable {
 public:
  // Users. Ids and usernames are unique; keys are never reused.
  virtual std::optional<UserRow> FindUser(std::string_view id) = 0;
  virtual std::optional<UserRow> FindUser(UserKey key) = 0;
  virtual std::optional<UserRow> FindUsername(std::string_view username) = 0;
  virtual UserKey InsertUser(const UserRow& user) = 0;  // the row's key is not looked at, unless it is not 0
  virtual void UpdateUser(const UserRow& user) = 0;

  // Rooms. A deleted room keeps its row.
  virtual std::optional<RoomRow> FindRoom(std::string_view id) = 0;
  virtual std::optional<RoomRow> FindRoom(RoomKey key) = 0;
  virtual std::optional<RoomKey> FindDirect(UserKey low, UserKey high) = 0;  // among rooms that are alive
  virtual void PutRoom(const RoomRow& room) = 0;                             // inserts or replaces

  // Members.
  virtual std::vector<MemberRow> Members(RoomKey room) = 0;
  virtual void PutMember(RoomKey room, const MemberRow& member) = 0;  // inserts or replaces
  virtual void RemoveMember(RoomKey room, UserKey user) = 0;
  virtual void SetRead(RoomKey room, UserKey user, Seq read) = 0;     // of an existing member
  virtual std::uint64_t CountRoomsOf(UserKey user) = 0;

  // Messages whose document is no longer that of their message.created.
  virtual std::optional<std::string> MessageState(RoomKey room, Seq seq) = 0;  // an encoded MessageRecord
  virtual void PutMessageState(RoomKey room, Seq seq, Seq last_event, std::string_view record) = 0;
  // Number of the last event about this message; 0 if there is only its message.created.
  virtual Seq LastEventOf(RoomKey room, Seq seq) = 0;

  virtual void PutMention(UserKey user, RoomKey room, Seq seq) = 0;
  virtual void RemoveMention(UserKey user, RoomKey room, Seq seq) = 0;

  virtual bool HasReaction(RoomKey room, Seq seq, std::string_view emoji, UserKey user) = 0;
  // `order` rises: the number of the event.
  virtual void PutReaction(RoomKey room, Seq seq, std::string_view emoji, UserKey user, std::string_view user_id,
                           Seq order) = 0;
  virtual void RemoveReaction(RoomKey room, Seq seq, std::string_view emoji, UserKey user) = 0;
  virtual void RemoveReactions(RoomKey room, Seq seq) = 0;
  // Ordered by the first reaction of each emoji.
  virtual std::vector<ReactionRow> Reactions(RoomKey room, Seq seq) = 0;

  virtual void PutReply(RoomKey room, Seq parent, Seq reply) = 0;
  virtual std::vector<Seq> Replies(RoomKey room, Seq parent) = 0;

  // Messages that are not deleted, counted by author in closed blocks of kCountBlock numbers; author 0 is all of them.
  // CloseBlock counts the block's message.created events that are not redacted; AddToBlock corrects it later.
  virtual void CloseBlock(RoomKey room, std::uint64_t block) = 0;
  virtual void AddToBlock(RoomKey room, std::uint64_t block, UserKey author, int change) = 0;

  // Number of the newest message below `below` that is not deleted.
  virtual std::optional<Seq> NewestMessage(RoomKey room, Seq below) = 0;

  // For a member who has read up to `read` and joined at `joined`: messages of others past both that are not deleted;
  // the same among those that mention them.
  virtual std::uint64_t Unread(RoomKey room, UserKey user, Seq past) = 0;
  virtual std::uint64_t Mentions(RoomKey room, UserKey user, Seq past) = 0;

  // Sessions.
  virtual std::optional<SessionRow> FindSession(std::string_view pid) = 0;
  virtual void PutSession(const SessionRow& session) = 0;
  virtual void RemoveSession(std::string_view pid) = 0;
  // Removes the user's sessions but for the `kept` that were seen last.
  virtual void TrimSessions(UserKey user, std::uint64_t kept) = 0;
  virtual std::vector<SessionRoomRow> SessionRooms(std::string_view pid) = 0;
  virtual std::optional<SessionRoomRow> FindSessionRoom(std::string_view pid, RoomKey room) = 0;
  virtual void PutSessionRoom(std::string_view pid, const SessionRoomRow& row) = 0;
  virtual void RemoveSessionRoom(std::string_view pid, RoomKey room) = 0;
  // Of all sessions of the user: sets `left` where it is 0.
  virtual void LeaveSessionRooms(UserKey user, RoomKey room, Position position) = 0;
  // No join has had a number above it.
  virtual JoinNumber JoinsMark() = 0;
  virtual void PutJoinsMark(JoinNumber number) = 0;
  // Removes sessions not seen since; at most `most` of them. Gives how many.
  virtual std::uint64_t PurgeSessions(Millis seen_before, std::uint64_t most) = 0;

  // How far those who read the log on their own have come, by name.
  virtual void PutCheckpoint(std::string_view reader, Position position) = 0;
  virtual void PutQueues(const QueueChanges& changes) = 0;
};

// Numbers of one block of Tables::CloseBlock: block b holds the numbers b * kCountBlock to (b + 1) * kCountBlock - 1.
inline constexpr Seq kCountBlock = 256;

}  // namespace tidings::chat
