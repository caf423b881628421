#include <tidings/storage/chat/sqlite_reader.hpp>

#include <algorithm>

#include <tidings/storage/sqlite/event_rows.hpp>

#include "count_rows.hpp"
#include "history.hpp"
#include "queue_rows.hpp"
#include "replay.hpp"
#include "room_rows.hpp"
#include "seen_rows.hpp"
#include "user_rows.hpp"

namespace tidings::sqlite {

using chat::EventPage;
using chat::MemberRow;
using chat::MessagePage;
using chat::MessageRecord;
using chat::PageQuery;
using chat::Position;
using chat::RoomCursor;
using chat::RoomKey;
using chat::RoomListing;
using chat::RoomRow;
using chat::Seen;
using chat::Seq;
using chat::UserKey;
using chat::UserRow;
using chat::Watermark;

struct SqliteReader::Rows {
  explicit Rows(Database& database)
      : users(database.Slot<UserRows>()),
        rooms(database),
        members(database),
        counts(database.Slot<CountRows>()),
        history(database),
        seen(database),
        replay(database) {}

  UserRows& users;
  RoomRows rooms;
  MemberRows members;
  CountRows& counts;
  History history;
  SeenRows seen;
  Replay replay;
};

SqliteReader::SqliteReader(Database& database) : database_(database), rows_(std::make_unique<Rows>(database)) {}
SqliteReader::~SqliteReader() = default;

std::optional<UserRow> SqliteReader::FindUser(std::string_view id) { return rows_->users.Find(id); }

std::vector<UserRow> SqliteReader::Users(std::string_view prefix, std::string_view cursor, std::size_t limit) {
  return rows_->users.WithPrefix(prefix, cursor, limit);
}

std::optional<RoomRow> SqliteReader::FindRoom(std::string_view id) { return rows_->rooms.Find(id); }

std::optional<MemberRow> SqliteReader::FindMember(RoomKey room, UserKey user) {
  return rows_->members.Find(room, user);
}

RoomListing SqliteReader::Listing(RoomKey room, UserKey user) {
  RoomListing listing;
  if (auto row = rows_->rooms.Find(room)) listing.room = std::move(*row);
  if (const auto member = rows_->members.Find(room, user)) {
    listing.member = *member;
    const Seq past = std::max(member->read, member->joined);
    listing.unread = Unread(room, user, past);
    listing.mentions = Mentions(room, user, past);
  }
  return listing;
}

std::vector<RoomListing> SqliteReader::RoomsOf(UserKey user, std::optional<RoomCursor> after, std::size_t limit) {
  std::vector<RoomListing> rooms;
  for (const RoomKey room : rows_->rooms.KeysOf(user, after, limit)) rooms.push_back(Listing(room, user));
  return rooms;
}

std::vector<RoomListing> SqliteReader::PublicRooms(UserKey reader, std::string_view part,
                                                   std::optional<RoomCursor> after, std::size_t limit) {
  std::vector<RoomListing> rooms;
  for (const RoomKey room : rows_->rooms.PublicKeys(part, after, limit)) rooms.push_back(Listing(room, reader));
  return rooms;
}

std::vector<std::pair<std::string, MemberRow>> SqliteReader::Members(RoomKey room, UserKey after, std::size_t limit) {
  return rows_->members.Named(room, after, limit);
}

std::vector<std::string> SqliteReader::MembersAt(RoomKey room, Seq seq) { return rows_->members.At(room, seq); }

std::uint64_t SqliteReader::Unread(RoomKey room, UserKey user, Seq past) {
  return rows_->counts.Unread(room, user, past);
}

std::uint64_t SqliteReader::Mentions(RoomKey room, UserKey user, Seq past) {
  return rows_->counts.Mentions(room, user, past);
}

bool SqliteReader::ShareRoom(UserKey one, UserKey other) { return rows_->members.ShareRoom(one, other); }

MessagePage SqliteReader::Messages(const RoomRow& room, const PageQuery& query) {
  return rows_->history.Messages(room, query);
}

MessagePage SqliteReader::Thread(const RoomRow& room, Seq parent, const PageQuery& query) {
  return rows_->history.Thread(room, parent, query);
}

std::optional<MessageRecord> SqliteReader::FindMessage(RoomKey room, std::string_view message_id) {
  return rows_->history.Find(room, message_id);
}

std::optional<MessageRecord> SqliteReader::MessageAt(RoomKey room, Seq seq) { return rows_->history.At(room, seq); }

Seq SqliteReader::LastEventOf(RoomKey room, Seq seq) { return rows_->history.LastEventOf(room, seq); }

std::optional<MessageRecord> SqliteReader::MessageAsOf(RoomKey room, Seq event) {
  return rows_->history.AsOf(room, event);
}

EventPage SqliteReader::Events(const RoomRow& room, Seq after, std::size_t limit) {
  EventPage page;
  page.head = room.head;
  if (after < room.head)
    page.events = database_.Slot<EventRows>().ReadStream(room.key, after + 1, limit, chat::kMostPageBytes);
  return page;
}

std::vector<Watermark> SqliteReader::SeenBy(RoomKey room, UserKey author, Seq seq, UserKey cursor, std::size_t limit) {
  return rows_->members.SeenBy(room, author, seq, cursor, limit);
}

std::vector<Seen> SqliteReader::SeenOf(RoomKey room, const std::vector<MessageRecord>& messages) {
  return rows_->seen.Of(room, messages);
}

std::vector<eventing::StoredEvent> SqliteReader::Missed(const std::vector<chat::ReplayPlace>& places, Position upto,
                                                        std::size_t bytes) {
  return rows_->replay.Missed(places, upto, bytes);
}

std::vector<chat::LogEvent> SqliteReader::Log(Position after, std::size_t limit) {
  std::vector<chat::LogEvent> log;
  for (eventing::StoredEvent& event : database_.Slot<EventRows>().ReadAll(after, limit)) {
    const auto room = rows_->rooms.Find(event.stream);
    if (!room) throw SqliteFailure(SqliteFailure::kBadRowCode, "an event's room has no row");
    log.push_back({std::move(event), room->id});
  }
  return log;
}

Position SqliteReader::Checkpoint(std::string_view reader) {
  Statement find(database_, "SELECT position FROM checkpoints WHERE reader = ?");
  return static_cast<Position>(find.Number(reader).value_or(0));
}

chat::QueueRows SqliteReader::Queues() { return AllQueues(database_); }

std::optional<chat::EntryRow> SqliteReader::QueueEntry(chat::QueueKey queue, chat::QueuePlace place) {
  return FindEntry(database_, queue, place);
}

chat::TypeCounts SqliteReader::CountLog(Position after, Position upto, std::size_t limit) {
  return CountTypes(database_, after, upto, limit);
}

}  // namespace tidings::sqlite
