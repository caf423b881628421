// Which numbers of a room are messages: what pages are made of.
#pragma once

#include <cstddef>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/types.hpp>

#include "count_rows.hpp"

namespace tidings::sqlite {

// Ascending numbers that can be walked both ways.
class Numbers {
 public:
  virtual ~Numbers() = default;
  // The first `most` above `after`, ascending.
  virtual std::vector<chat::Seq> Up(chat::Seq after, std::size_t most) = 0;
  // The last `most` below `before`, descending.
  virtual std::vector<chat::Seq> Down(chat::Seq before, std::size_t most) = 0;
};

// Statements of the two kinds below; for Database::Slot.
class NumberRows {
 public:
  explicit NumberRows(Database& database);

  CountRows& counts;
  Statement bits_up;
  Statement bits_down;
  Statement open_up;
  Statement open_down;
  Statement replies_up;
  Statement replies_down;
};

// All messages of a room, dead or alive: in closed blocks by their maps of bits, so that a page costs the same however
// many other events lie between; in the open tail from the log.
class RoomNumbers final : public Numbers {
 public:
  RoomNumbers(Database& database, chat::RoomKey room);
  std::vector<chat::Seq> Up(chat::Seq after, std::size_t most) override;
  std::vector<chat::Seq> Down(chat::Seq before, std::size_t most) override;

 private:
  NumberRows& rows_;
  chat::RoomKey room_;
  chat::Seq open_;
};

// The replies to one message.
class ReplyNumbers final : public Numbers {
 public:
  ReplyNumbers(Database& database, chat::RoomKey room, chat::Seq parent);
  std::vector<chat::Seq> Up(chat::Seq after, std::size_t most) override;
  std::vector<chat::Seq> Down(chat::Seq before, std::size_t most) override;

 private:
  NumberRows& rows_;
  chat::RoomKey room_;
  chat::Seq parent_;
};

}  // namespace tidings::sqlite
