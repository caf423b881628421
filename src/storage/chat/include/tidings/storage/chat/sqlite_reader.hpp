// SqliteReader and SqliteReadPool: the chat's questions over connections that only read.
//
//   SqliteReadPool pool(store->readers());
//   pool.Read([](chat::Reader& reader) { … }, [](const Error& error) { … });
#pragma once

#include <memory>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/storage/sqlite/readers.hpp>

namespace tidings::sqlite {

// Belongs to its connection (Database::Slot), which keeps the statements. REQUIRES: each question is asked within a
// read transaction, which Readers gives.
class SqliteReader final : public chat::Reader {
 public:
  explicit SqliteReader(Database& database);
  ~SqliteReader() override;

  std::optional<chat::UserRow> FindUser(std::string_view id) override;
  std::vector<chat::UserRow> Users(std::string_view prefix, std::string_view cursor, std::size_t limit) override;

  std::optional<chat::RoomRow> FindRoom(std::string_view id) override;
  std::optional<chat::MemberRow> FindMember(chat::RoomKey room, chat::UserKey user) override;
  std::vector<chat::RoomListing> RoomsOf(chat::UserKey user, std::optional<chat::RoomCursor> after,
                                         std::size_t limit) override;
  std::vector<chat::RoomListing> PublicRooms(chat::UserKey reader, std::string_view part,
                                             std::optional<chat::RoomCursor> after, std::size_t limit) override;
  std::vector<std::pair<std::string, chat::MemberRow>> Members(chat::RoomKey room, chat::UserKey after,
                                                               std::size_t limit) override;
  std::vector<std::string> MembersAt(chat::RoomKey room, chat::Seq seq) override;
  std::uint64_t Unread(chat::RoomKey room, chat::UserKey user, chat::Seq past) override;
  std::uint64_t Mentions(chat::RoomKey room, chat::UserKey user, chat::Seq past) override;
  bool ShareRoom(chat::UserKey one, chat::UserKey other) override;

  // Around a message: half of the page before it, half after it; at the ends of the room fewer.
  chat::MessagePage Messages(const chat::RoomRow& room, const chat::PageQuery& query) override;
  chat::MessagePage Thread(const chat::RoomRow& room, chat::Seq parent, const chat::PageQuery& query) override;
  std::optional<chat::MessageRecord> FindMessage(chat::RoomKey room, std::string_view message_id) override;
  std::optional<chat::MessageRecord> MessageAt(chat::RoomKey room, chat::Seq seq) override;
  chat::Seq LastEventOf(chat::RoomKey room, chat::Seq seq) override;
  std::optional<chat::MessageRecord> MessageAsOf(chat::RoomKey room, chat::Seq event) override;
  chat::EventPage Events(const chat::RoomRow& room, chat::Seq after, std::size_t limit) override;
  std::vector<chat::Watermark> SeenBy(chat::RoomKey room, chat::UserKey author, chat::Seq seq, chat::UserKey cursor,
                                      std::size_t limit) override;
  std::vector<chat::Seen> SeenOf(chat::RoomKey room, const std::vector<chat::MessageRecord>& messages) override;

  std::vector<eventing::StoredEvent> Missed(const std::vector<chat::ReplayPlace>& places, chat::Position upto,
                                            std::size_t bytes) override;
  std::vector<chat::LogEvent> Log(chat::Position after, std::size_t limit) override;
  chat::Position Checkpoint(std::string_view reader) override;
  chat::QueueRows Queues() override;
  std::optional<chat::EntryRow> QueueEntry(chat::QueueKey queue, chat::QueuePlace place) override;
  chat::TypeCounts CountLog(chat::Position after, chat::Position upto, std::size_t limit) override;

 private:
  struct Rows;
  chat::RoomListing Listing(chat::RoomKey room, chat::UserKey user);
  Database& database_;
  std::unique_ptr<Rows> rows_;
};

// Thread-safe.
class SqliteReadPool final : public chat::ReadPool {
 public:
  // REQUIRES: `readers` outlives this.
  explicit SqliteReadPool(Readers& readers) : readers_(readers) {}
  bool Read(std::move_only_function<void(chat::Reader&)> work,
            std::move_only_function<void(const Error&)> failed) override;

 private:
  Readers& readers_;
};

}  // namespace tidings::sqlite
