#include "outbox_round.hpp"

#include <algorithm>

namespace tidings::messaging::embedded {

Status OutboxRound::Run(sqlite::Database& database) {
  auto& table = database.Slot<OutboxRows>();
  Settle(table);
  if (most_rows == 0) return {};
  // What waited may be much: it leaves room for what is new.
  OutboxLimits again(std::max<std::size_t>(most_rows / 2, 1));
  ReadDue(table, again);
  OutboxLimits limits(most_rows);
  if (moves_cursor) ReadOn(table, limits);
  DropExpired(table);
  return {};
}

void OutboxRound::Settle(OutboxRows& table) {
  for (const std::int64_t id : accepted) table.Delete(id);
  for (const OutboxFailure& failure : failures) {
    table.Fail(failure.id, failure.error, failure.counted);
    if (failure.dies) table.Bury(failure.id, now);
  }
}

void OutboxRound::ReadDue(OutboxRows& table, OutboxLimits& limits) {
  for (const auto& [lane, most] : due) {
    if (limits.reached()) return;
    OutboxLimits share(std::min(most, limits.rows));
    share.bytes = limits.bytes;
    const std::size_t before = rows.size();
    table.ReadLane(lane, cursor, share, rows);
    limits.rows -= rows.size() - before;
    limits.bytes = share.bytes;
    if (rows.size() > before) continue;
    finished.push_back(lane);
    waiting.erase(lane);
  }
}

void OutboxRound::ReadOn(OutboxRows& table, OutboxLimits& limits) {
  const auto found = table.Scan(cursor, kMostScanned);
  for (const auto& [id, lane] : found) {
    if (!waiting.contains(lane)) {
      if (limits.reached()) {
        at_end = false;
        return;
      }
      rows.push_back(table.Read(id));
      limits.Take(rows.back().outgoing.message.body.size());
    }
    cursor = id;
  }
  at_end = found.size() < kMostScanned;
}

void OutboxRound::DropExpired(OutboxRows& table) {
  std::erase_if(rows, [&](const OutboxRow& row) {
    const auto ttl = row.outgoing.options.ttl;
    if (!ttl || now - row.written_at < ttl->count()) return false;
    table.Delete(row.id);
    expired.push_back(PlaceOf(row.outgoing.to));
    return true;
  });
}

}  // namespace tidings::messaging::embedded
