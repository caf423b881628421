// Counting living messages: exact sums over closed blocks, a look at the log for the rest.
//
// A block holds kCountBlock numbers of a room, a group kGroup blocks. What lies past a place is a part of one block
// (read from the log), the blocks up to the end of its group, the groups after it, and the open tail (from the log):
// a few hundred rows at most, whatever the room's size.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/tables.hpp>

namespace tidings::sqlite {

inline constexpr std::uint64_t kGroup = 64;

// Which numbers of a block are messages, dead or alive.
using BlockBits = std::array<std::uint8_t, chat::kCountBlock / 8>;

class CountRows {
 public:
  explicit CountRows(Database& database);

  // The number from which on no block is closed.
  chat::Seq OpenFrom(chat::RoomKey room);
  std::uint64_t Unread(chat::RoomKey room, chat::UserKey user, chat::Seq past);
  std::uint64_t Mentions(chat::RoomKey room, chat::UserKey user, chat::Seq past);
  std::optional<chat::Seq> NewestMessage(chat::RoomKey room, chat::Seq below);

 private:
  std::uint64_t InLog(chat::RoomKey room, chat::UserKey user, chat::Seq first, chat::Seq last);
  std::uint64_t InBlocks(chat::RoomKey room, chat::UserKey user, int level, std::uint64_t first, std::uint64_t last);
  std::uint64_t PastInBlock(chat::RoomKey room, chat::UserKey user, chat::Seq first);

  Statement last_closed_;
  Statement in_log_;
  Statement in_blocks_;
  Statement mentions_;
  Statement newest_in_log_;
  Statement block_below_;
};

class CountWrites {
 public:
  explicit CountWrites(Database& database);

  void Close(chat::RoomKey room, std::uint64_t block);
  void Add(chat::RoomKey room, std::uint64_t block, chat::UserKey author, int change);

 private:
  bool Closed(chat::RoomKey room, std::uint64_t block);
  void AddRow(chat::RoomKey room, chat::UserKey author, int level, std::uint64_t block, std::int64_t change);

  Statement closed_;
  Statement created_in_log_;
  Statement put_bits_;
  Statement add_;
  Statement drop_empty_;
};

}  // namespace tidings::sqlite
