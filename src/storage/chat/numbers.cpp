#include "numbers.hpp"

#include <algorithm>

#include "log_rows.hpp"

namespace tidings::sqlite {

using chat::kCountBlock;
using chat::RoomKey;
using chat::Seq;

namespace {

constexpr Seq kLastNumber = INT64_MAX;

bool Has(std::string_view bits, Seq place) {
  return place / 8 < bits.size() && (static_cast<std::uint8_t>(bits[place / 8]) >> (place % 8) & 1) != 0;
}

void Append(std::vector<Seq>& numbers, Rows rows) {
  while (rows.Next()) numbers.push_back(rows.Whole(0));
}

}  // namespace

NumberRows::NumberRows(Database& database)
    : counts(database.Slot<CountRows>()),
      bits_up(database, "SELECT block, created FROM message_blocks WHERE room = ?1 AND block >= ?2 ORDER BY block"),
      bits_down(database,
                "SELECT block, created FROM message_blocks WHERE room = ?1 AND block <= ?2 ORDER BY block DESC"),
      open_up(database,
              "SELECT version FROM events WHERE stream = ?1 AND version > ?2 AND type = " TIDINGS_MESSAGE_CREATED
              " ORDER BY version LIMIT ?3"),
      open_down(database,
                "SELECT version FROM events WHERE stream = ?1 AND version < ?2 AND version >= ?3 AND "
                "type = " TIDINGS_MESSAGE_CREATED " ORDER BY version DESC LIMIT ?4"),
      replies_up(database,
                 "SELECT reply FROM replies WHERE room = ?1 AND parent = ?2 AND reply > ?3 ORDER BY reply LIMIT ?4"),
      replies_down(database,
                   "SELECT reply FROM replies WHERE room = ?1 AND parent = ?2 AND reply < ?3 ORDER BY reply DESC "
                   "LIMIT ?4") {}

RoomNumbers::RoomNumbers(Database& database, RoomKey room)
    : rows_(database.Slot<NumberRows>()), room_(room), open_(rows_.counts.OpenFrom(room)) {}

std::vector<Seq> RoomNumbers::Up(Seq after, std::size_t most) {
  std::vector<Seq> numbers;
  after = std::min(after, kLastNumber);
  if (after + 1 < open_) {
    Rows rows = rows_.bits_up.Query(room_, (after + 1) / kCountBlock);
    while (numbers.size() < most && rows.Next()) {
      const Seq begin = rows.Whole(0) * kCountBlock;
      const std::string_view bits = rows.Blob(1);
      for (Seq place = after < begin ? 0 : after - begin + 1; place < kCountBlock && numbers.size() < most; ++place) {
        if (Has(bits, place)) numbers.push_back(begin + place);
      }
    }
  }
  if (numbers.size() < most) {
    const Seq from = open_ == 0 ? after : std::max(after, open_ - 1);
    Append(numbers, rows_.open_up.Query(room_, from, most - numbers.size()));
  }
  return numbers;
}

std::vector<Seq> RoomNumbers::Down(Seq before, std::size_t most) {
  std::vector<Seq> numbers;
  before = std::min(before, kLastNumber);
  if (before > open_) Append(numbers, rows_.open_down.Query(room_, before, open_, most));
  const Seq closed = std::min(before, open_);
  if (closed == 0 || numbers.size() >= most) return numbers;
  Rows rows = rows_.bits_down.Query(room_, (closed - 1) / kCountBlock);
  while (numbers.size() < most && rows.Next()) {
    const Seq begin = rows.Whole(0) * kCountBlock;
    const std::string_view bits = rows.Blob(1);
    for (Seq place = std::min(closed - begin, kCountBlock); place > 0 && numbers.size() < most; --place) {
      if (Has(bits, place - 1)) numbers.push_back(begin + place - 1);
    }
  }
  return numbers;
}

ReplyNumbers::ReplyNumbers(Database& database, RoomKey room, Seq parent)
    : rows_(database.Slot<NumberRows>()), room_(room), parent_(parent) {}

std::vector<Seq> ReplyNumbers::Up(Seq after, std::size_t most) {
  std::vector<Seq> numbers;
  Append(numbers, rows_.replies_up.Query(room_, parent_, std::min(after, kLastNumber), most));
  return numbers;
}

std::vector<Seq> ReplyNumbers::Down(Seq before, std::size_t most) {
  std::vector<Seq> numbers;
  Append(numbers, rows_.replies_down.Query(room_, parent_, std::min(before, kLastNumber), most));
  return numbers;
}

}  // namespace tidings::sqlite
