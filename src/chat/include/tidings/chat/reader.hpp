// Reader: the port to questions that are answered beside the writer, from what is committed.
//
// A Reader belongs to one reading thread and blocks on the disk; `ReadPool` runs work on such threads. All of one
// question's rows come from one read transaction. Failures of the store are thrown as eventing::StoreFailure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/chat/queue_rows.hpp>
#include <tidings/chat/record.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::chat {

// What a page of the log or of messages may hold at most, in bytes: beyond, it has fewer than were asked for and says
// that there is more. Messages of the usual limits stay below.
inline constexpr std::size_t kMostPageBytes = 16 << 20;

// Which page of something numbered: the numbers are exclusive bounds.
struct PageQuery {
  enum class Place { kNewest, kAfter, kBefore, kAround };
  Place place = Place::kNewest;
  Seq seq = 0;  // of kAfter, kBefore and kAround
  std::size_t limit = 50;
};

struct MessagePage {
  std::vector<MessageRecord> messages;  // ascending by seq, as they are now, complete
  Seq head = 0;
  bool has_before = false;
  bool has_after = false;
};

struct EventPage {
  std::vector<eventing::StoredEvent> events;  // ascending
  Seq head = 0;
};

// One member's room in a list.
struct RoomListing {
  RoomRow room;
  MemberRow member;  // of the reader; user 0 if they are none
  std::uint64_t unread = 0;
  std::uint64_t mentions = 0;
};

// Lists of rooms are ordered newest activity first; a cursor names the last row of the page before.
struct RoomCursor {
  Millis active_at = 0;
  RoomKey key = 0;
};

struct Watermark {
  std::string user_id;
  UserKey user = 0;
  Seq read = 0;
};

// An event with the room that it is of.
struct LogEvent {
  eventing::StoredEvent event;
  std::string room;
};

// Where a socket's replay stands in one room.
struct ReplayPlace {
  RoomKey room = 0;
  Seq sent = 0;  // the socket has everything up to here
};

// Records come without their `reply_json`; FillQuotes adds it.
class Reader {
 public:
  virtual ~Reader() = default;

  virtual std::optional<UserRow> FindUser(std::string_view id) = 0;
  // Users whose id or name begins with `prefix` (case-insensitive for ASCII), by id, after `cursor`.
  virtual std::vector<UserRow> Users(std::string_view prefix, std::string_view cursor, std::size_t limit) = 0;

  virtual std::optional<RoomRow> FindRoom(std::string_view id) = 0;
  virtual std::optional<MemberRow> FindMember(RoomKey room, UserKey user) = 0;
  virtual std::vector<RoomListing> RoomsOf(UserKey user, std::optional<RoomCursor> after, std::size_t limit) = 0;
  // Public rooms that are alive whose name or id contains `part` (case-insensitive for ASCII).
  virtual std::vector<RoomListing> PublicRooms(UserKey reader, std::string_view part, std::optional<RoomCursor> after,
                                               std::size_t limit) = 0;
  // Members with their ids, in the order of their keys, after the given key.
  virtual std::vector<std::pair<std::string, MemberRow>> Members(RoomKey room, UserKey after, std::size_t limit) = 0;
  // Ids of members whose joining is before or at `seq`: they were there when that event happened.
  virtual std::vector<std::string> MembersAt(RoomKey room, Seq seq) = 0;
  virtual std::uint64_t Unread(RoomKey room, UserKey user, Seq past) = 0;
  virtual std::uint64_t Mentions(RoomKey room, UserKey user, Seq past) = 0;
  // Whether both are members of one room.
  virtual bool ShareRoom(UserKey one, UserKey other) = 0;

  virtual MessagePage Messages(const RoomRow& room, const PageQuery& query) = 0;
  // Replies to the message `parent`, paged alike.
  virtual MessagePage Thread(const RoomRow& room, Seq parent, const PageQuery& query) = 0;
  // The message as it is now, if it is in this room.
  virtual std::optional<MessageRecord> FindMessage(RoomKey room, std::string_view message_id) = 0;
  // The same by the number of its message.created.
  virtual std::optional<MessageRecord> MessageAt(RoomKey room, Seq seq) = 0;
  // The number of the last event about that message; its own if there is no other.
  virtual Seq LastEventOf(RoomKey room, Seq seq) = 0;
  // A message as of this event about it; `previous` names the one before.
  virtual std::optional<MessageRecord> MessageAsOf(RoomKey room, Seq event) = 0;
  virtual EventPage Events(const RoomRow& room, Seq after, std::size_t limit) = 0;
  // Members other than `author` whose position is at or past `seq`: the first `limit` after `cursor`, in the order of
  // their keys, and how many there are.
  virtual std::vector<Watermark> SeenBy(RoomKey room, UserKey author, Seq seq, UserKey cursor, std::size_t limit) = 0;
  // For each message: who has seen it. One pass over the room's members.
  virtual std::vector<Seen> SeenOf(RoomKey room, const std::vector<MessageRecord>& messages) = 0;

  // What a socket missed in these rooms, up to position `upto`, in the order of commits, from the places on; at most
  // about `bytes` of data, at least one event if there is one.
  virtual std::vector<eventing::StoredEvent> Missed(const std::vector<ReplayPlace>& places, Position upto,
                                                    std::size_t bytes) = 0;

  // The log of all rooms above position `after`, in the order of commits; at most `limit` events.
  virtual std::vector<LogEvent> Log(Position after, std::size_t limit) = 0;
  // What Tables::PutCheckpoint was last told; 0 if never.
  virtual Position Checkpoint(std::string_view reader) = 0;
  // What Tables::PutQueues was told, all of it.
  virtual QueueRows Queues() = 0;
  // One entry, with its headers and its message.
  virtual std::optional<EntryRow> QueueEntry(QueueKey queue, QueuePlace place) = 0;
  // The log's events above `after` and up to `upto`, counted by type; at most `limit` of them.
  virtual TypeCounts CountLog(Position after, Position upto, std::size_t limit) = 0;
};

// Gives every record that is a reply what it quotes, as that is now.
void FillQuotes(Reader& reader, RoomKey room, std::vector<MessageRecord>& messages);
// Quotes of the messages of one room, each looked up once, and the events of one that was edited read once each.
QuoteSource QuotesOf(Reader& reader, RoomKey room);

// Runs questions on reading threads. Thread-safe.
class ReadPool {
 public:
  virtual ~ReadPool() = default;
  // Queues `work`; false if too much is waiting already. `work` is run once, on a reading thread; what it throws as
  // eventing::StoreFailure is given to `failed` there.
  virtual bool Read(std::move_only_function<void(Reader&)> work,
                    std::move_only_function<void(const Error&)> failed) = 0;
};

}  // namespace tidings::chat
