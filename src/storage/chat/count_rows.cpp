#include "count_rows.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "log_rows.hpp"

namespace tidings::sqlite {

using chat::kCountBlock;
using chat::RoomKey;
using chat::Seq;
using chat::UserKey;

namespace {

constexpr std::uint64_t kLast = INT64_MAX;

}  // namespace

// A closed block always has its row of author 0, so the newest of these tells how far blocks are closed.
CountRows::CountRows(Database& database)
    : last_closed_(database,
                   "SELECT block FROM counts WHERE room = ?1 AND author = 0 AND level = 0 ORDER BY block DESC LIMIT 1"),
      in_log_(database,
              "SELECT count(*) FROM events WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 AND author <> ?4 AND "
              "redacted = 0 AND type = " TIDINGS_MESSAGE_CREATED),
      in_blocks_(database,
                 "SELECT sum(iif(author = 0, n, -n)) FROM counts WHERE room = ?1 AND author IN (0, ?2) AND "
                 "level = ?3 AND block BETWEEN ?4 AND ?5"),
      mentions_(database, "SELECT count(*) FROM mentions WHERE user = ?1 AND room = ?2 AND seq > ?3 AND author <> ?1"),
      newest_in_log_(database,
                     "SELECT version FROM events WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 AND redacted = 0 AND "
                     "type = " TIDINGS_MESSAGE_CREATED " ORDER BY version DESC LIMIT 1"),
      block_below_(database,
                   "SELECT block FROM counts WHERE room = ?1 AND author = 0 AND level = 0 AND block < ?2 AND n > 0 "
                   "ORDER BY block DESC LIMIT 1") {}

Seq CountRows::OpenFrom(RoomKey room) {
  const auto last = last_closed_.Number(room);
  return last ? (static_cast<std::uint64_t>(*last) + 1) * kCountBlock : 0;
}

std::uint64_t CountRows::InLog(RoomKey room, UserKey user, Seq first, Seq last) {
  if (first > last) return 0;
  return static_cast<std::uint64_t>(in_log_.Number(room, first, last, user).value_or(0));
}

std::uint64_t CountRows::InBlocks(RoomKey room, UserKey user, int level, std::uint64_t first, std::uint64_t last) {
  if (first > last) return 0;
  return static_cast<std::uint64_t>(in_blocks_.Number(room, user, level, first, last).value_or(0));
}

// In the closed block of `first`, from there on: read from its shorter side.
std::uint64_t CountRows::PastInBlock(RoomKey room, UserKey user, Seq first) {
  const std::uint64_t block = first / kCountBlock;
  const Seq begin = block * kCountBlock;
  if (first - begin > kCountBlock / 2) return InLog(room, user, first, begin + kCountBlock - 1);
  const std::uint64_t all = InBlocks(room, user, 0, block, block);
  return first == begin ? all : all - InLog(room, user, begin, first - 1);
}

std::uint64_t CountRows::Unread(RoomKey room, UserKey user, Seq past) {
  const Seq open = OpenFrom(room);
  const Seq first = past + 1;
  if (first >= open) return InLog(room, user, first, kLast);
  const std::uint64_t block = first / kCountBlock;
  const std::uint64_t group = block / kGroup;
  return PastInBlock(room, user, first) + InBlocks(room, user, 0, block + 1, (group + 1) * kGroup - 1) +
         InBlocks(room, user, 1, group + 1, kLast) + InLog(room, user, open, kLast);
}

std::uint64_t CountRows::Mentions(RoomKey room, UserKey user, Seq past) {
  return static_cast<std::uint64_t>(mentions_.Number(user, room, past).value_or(0));
}

std::optional<Seq> CountRows::NewestMessage(RoomKey room, Seq below) {
  if (below == 0) return std::nullopt;
  const auto in_log = [&](Seq first, Seq last) { return newest_in_log_.Number(room, first, last); };
  const Seq open = OpenFrom(room);
  std::optional<std::int64_t> found;
  if (below > open) found = in_log(open, below - 1);
  // Blocks may still count a message that this commit redacted, so one may hold less than it promises.
  std::uint64_t block = (std::min(below, open) + kCountBlock - 1) / kCountBlock;
  while (!found) {
    const auto next = block_below_.Number(room, block);
    if (!next) return std::nullopt;
    block = static_cast<std::uint64_t>(*next);
    found = in_log(block * kCountBlock, std::min(below - 1, (block + 1) * kCountBlock - 1));
  }
  return static_cast<Seq>(*found);
}

CountWrites::CountWrites(Database& database)
    : closed_(database, "SELECT 1 FROM counts WHERE room = ?1 AND author = 0 AND level = 0 AND block = ?2"),
      created_in_log_(database,
                      "SELECT version, author, redacted FROM events WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 "
                      "AND type = " TIDINGS_MESSAGE_CREATED),
      put_bits_(database, "INSERT INTO message_blocks (room, block, created) VALUES (?1, ?2, ?3)"),
      add_(database,
           "INSERT INTO counts (room, author, level, block, n) VALUES (?1, ?2, ?3, ?4, ?5) "
           "ON CONFLICT (room, author, level, block) DO UPDATE SET n = n + excluded.n"),
      drop_empty_(database,
                  "DELETE FROM counts WHERE room = ?1 AND author = ?2 AND level = ?3 AND block = ?4 AND n = 0") {}

bool CountWrites::Closed(RoomKey room, std::uint64_t block) { return closed_.Number(room, block).has_value(); }

void CountWrites::AddRow(RoomKey room, UserKey author, int level, std::uint64_t block, std::int64_t change) {
  add_.Execute(room, author, level, block, change);
  if (change < 0 && author != 0) drop_empty_.Execute(room, author, level, block);
}

void CountWrites::Close(RoomKey room, std::uint64_t block) {
  if (Closed(room, block)) return;
  const Seq begin = block * kCountBlock;
  BlockBits bits{};
  bool any = false;
  std::vector<UserKey> authors;
  for (Rows rows = created_in_log_.Query(room, begin, begin + kCountBlock - 1); rows.Next();) {
    const std::uint64_t place = rows.Whole(0) - begin;
    bits[place / 8] |= static_cast<std::uint8_t>(1U << (place % 8));
    any = true;
    if (rows.Int(2) == 0) authors.push_back(rows.Whole(1));
  }
  if (any) put_bits_.Execute(room, block, Blob({reinterpret_cast<const char*>(bits.data()), bits.size()}));
  const auto count = [&](UserKey author, std::size_t n) {
    AddRow(room, author, 0, block, static_cast<std::int64_t>(n));
    AddRow(room, author, 1, block / kGroup, static_cast<std::int64_t>(n));
  };
  count(0, authors.size());
  std::sort(authors.begin(), authors.end());
  for (auto from = authors.begin(); from != authors.end();) {
    const auto to = std::upper_bound(from, authors.end(), *from);
    if (*from != 0) count(*from, static_cast<std::size_t>(to - from));
    from = to;
  }
}

void CountWrites::Add(RoomKey room, std::uint64_t block, UserKey author, int change) {
  if (!Closed(room, block)) return;
  const auto add = [&](UserKey counted) {
    AddRow(room, counted, 0, block, change);
    AddRow(room, counted, 1, block / kGroup, change);
  };
  add(0);
  if (author != 0) add(author);
}

}  // namespace tidings::sqlite
