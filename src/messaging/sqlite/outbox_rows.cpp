#include "outbox_rows.hpp"

#include <algorithm>

#include "header_text.hpp"

namespace tidings::messaging::embedded {
namespace {

constexpr std::int64_t kOutboxVersion = 1;

constexpr std::string_view kOutboxState = R"sql(
CREATE TABLE tidings_outbox_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  dead INTEGER NOT NULL
);
)sql";

// Ids rise in the order of commits and none is given again (AUTOINCREMENT, one writer): who read up to an id has missed none.
constexpr std::string_view kOutboxWaiting = R"sql(CREATE TABLE tidings_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
)sql";
constexpr std::string_view kOutboxDead = R"sql(CREATE INDEX tidings_outbox_lane ON tidings_outbox (lane, id);
CREATE TABLE tidings_outbox_dead (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  died_at INTEGER NOT NULL,
)sql";

// The end of both tables.
constexpr std::string_view kOutboxColumns = R"sql(  lane TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  error TEXT NOT NULL,
  exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL,
  require_route INTEGER NOT NULL,
  delay INTEGER NOT NULL,
  ttl INTEGER,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL
);
)sql";

constexpr std::string_view kOutboxCounts = R"sql(CREATE TRIGGER tidings_outbox_comes AFTER INSERT ON tidings_outbox
  BEGIN UPDATE tidings_outbox_state SET waiting = waiting + 1; END;
CREATE TRIGGER tidings_outbox_goes AFTER DELETE ON tidings_outbox
  BEGIN UPDATE tidings_outbox_state SET waiting = waiting - 1; END;
CREATE TRIGGER tidings_outbox_dies AFTER INSERT ON tidings_outbox_dead
  BEGIN UPDATE tidings_outbox_state SET dead = dead + 1; END;
CREATE TRIGGER tidings_outbox_leaves AFTER DELETE ON tidings_outbox_dead
  BEGIN UPDATE tidings_outbox_state SET dead = dead - 1; END;
)sql";

std::string OutboxTables() {
  std::string sql;
  for (const std::string_view part :
       {kOutboxState, kOutboxWaiting, kOutboxColumns, kOutboxDead, kOutboxColumns, kOutboxCounts}) {
    sql += part;
  }
  return sql;
}

// What both tables have, but for what is the row's own.
constexpr std::string_view kOutboxMessage =
    "exchange, routing_key, require_route, delay, ttl, message_id, type, key, headers, body";

std::string Sql(std::string_view before, std::string_view after) {
  std::string sql(before);
  sql += kOutboxMessage;
  sql += after;
  return sql;
}

std::string ReadSql(std::string_view from) { return Sql("SELECT id, lane, written_at, tries, ", from); }

Outgoing ReadOutgoing(const sqlite::Rows& rows, int first) {
  std::string exchange(rows.Text(first));
  std::string routing_key(rows.Text(first + 1));
  PublishOptions options;
  options.require_route = rows.Int(first + 2) != 0;
  options.delay = std::chrono::milliseconds(rows.Int(first + 3));
  if (!rows.Null(first + 4)) options.ttl = std::chrono::milliseconds(rows.Int(first + 4));
  Message message = Message::WithId(std::string(rows.Text(first + 5)), std::string(rows.Text(first + 6)), "");
  message.key = rows.Text(first + 7);
  message.headers = ParseHeaderText(rows.Text(first + 8));
  message.body = rows.Blob(first + 9);
  Address to = exchange.empty() ? Address::Queue(std::move(routing_key))
                                : Address::Exchange(std::move(exchange), std::move(routing_key));
  return Outgoing(std::move(to), std::move(message), options);
}

OutboxRow ReadOutboxRow(const sqlite::Rows& rows) {
  OutboxRow row(rows.Int(0), std::string(rows.Text(1)), ReadOutgoing(rows, 4));
  row.written_at = rows.Int(2);
  row.tries = static_cast<std::uint32_t>(rows.Int(3));
  return row;
}

}  // namespace

std::string LaneOf(const Address& to, std::string_view key) {
  std::string lane = to.is_queue() ? "queue " + to.routing_key() : "exchange " + to.exchange();
  if (!key.empty()) {
    lane += " key ";
    lane += key;
  } else if (!to.is_queue()) {
    lane += " route " + to.routing_key();
  }
  return lane;
}

std::string PlaceOf(const Address& to) { return to.is_queue() ? to.routing_key() : to.exchange(); }

Status OutboxRows::MakeTables(sqlite::Database& database) {
  if (database.Number("SELECT count(*) FROM sqlite_master WHERE name = 'tidings_outbox_state'") == 0) {
    database.Execute(OutboxTables());
    database.Execute("INSERT INTO tidings_outbox_state VALUES (1, " + std::to_string(kOutboxVersion) + ", 0, 0)");
    return {};
  }
  const std::int64_t version = database.Number("SELECT version FROM tidings_outbox_state");
  if (version <= kOutboxVersion) return {};
  return tidings::Fail(ErrorCode::kInternal,
                       database.path() + ": its outbox was written by a newer version of tidings (schema version " +
                           std::to_string(version) + ", known is " + std::to_string(kOutboxVersion) +
                           "); nothing was changed: run that version");
}

OutboxRows::OutboxRows(sqlite::Database& database)
    : insert_(database, Sql("INSERT INTO tidings_outbox (lane, written_at, tries, error, ",
                            ") VALUES (?, ?, 0, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")),
      count_(database, "SELECT waiting, dead FROM tidings_outbox_state"),
      oldest_(database, "SELECT written_at FROM tidings_outbox ORDER BY id LIMIT 1"),
      lane_(database, ReadSql(" FROM tidings_outbox WHERE lane = ? AND id <= ? ORDER BY id LIMIT ?")),
      scan_(database, "SELECT id, lane FROM tidings_outbox WHERE id > ? ORDER BY id LIMIT ?"),
      read_(database, ReadSql(" FROM tidings_outbox WHERE id = ?")),
      delete_(database, "DELETE FROM tidings_outbox WHERE id = ?"),
      fail_(database, "UPDATE tidings_outbox SET tries = tries + ?, error = ? WHERE id = ?"),
      bury_(database, Sql("INSERT INTO tidings_outbox_dead (died_at, lane, written_at, tries, error, ",
                          Sql(") SELECT ?, lane, written_at, tries, error, ", " FROM tidings_outbox WHERE id = ?"))),
      dead_(database,
            Sql("SELECT id, died_at, tries, error, ", " FROM tidings_outbox_dead WHERE id > ? ORDER BY id LIMIT ?")),
      dead_ids_(database, "SELECT id FROM tidings_outbox_dead WHERE id > ? ORDER BY id LIMIT ?"),
      replay_(database, Sql("INSERT INTO tidings_outbox (lane, written_at, tries, error, ",
                            Sql(") SELECT lane, ?, 0, '', ", " FROM tidings_outbox_dead WHERE id = ?"))),
      dead_target_(database, "SELECT iif(exchange = '', routing_key, exchange) FROM tidings_outbox_dead WHERE id = ?"),
      purge_(database, "DELETE FROM tidings_outbox_dead WHERE id = ?") {}

void OutboxRows::Insert(const Outgoing& outgoing, Millis now) {
  const Message& message = outgoing.message;
  const std::string lane = LaneOf(outgoing.to, message.key);
  const std::string headers = HeaderText(message.headers);
  const auto ttl = outgoing.options.ttl ? std::optional(outgoing.options.ttl->count()) : std::nullopt;
  insert_.Execute(lane, now, outgoing.to.exchange(), outgoing.to.routing_key(), outgoing.options.require_route,
                  outgoing.options.delay.count(), ttl, message.id, message.type, message.key, headers,
                  sqlite::Blob(message.body));
}

std::pair<std::uint64_t, std::uint64_t> OutboxRows::Count() {
  auto rows = count_.Query();
  if (!rows.Next()) return {};
  return {rows.Whole(0), rows.Whole(1)};
}

std::optional<Millis> OutboxRows::Oldest() { return oldest_.Number(); }

void OutboxRows::ReadLane(std::string_view lane, std::int64_t last, OutboxLimits& limits, std::vector<OutboxRow>& out) {
  for (auto rows = lane_.Query(lane, last, limits.rows); !limits.reached() && rows.Next();) {
    out.push_back(ReadOutboxRow(rows));
    limits.Take(out.back().outgoing.message.body.size());
  }
}

std::vector<std::pair<std::int64_t, std::string>> OutboxRows::Scan(std::int64_t after, std::size_t most) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (auto rows = scan_.Query(after, most); rows.Next();) found.emplace_back(rows.Int(0), rows.Text(1));
  return found;
}

OutboxRow OutboxRows::Read(std::int64_t id) {
  auto rows = read_.Query(id);
  rows.Next();
  return ReadOutboxRow(rows);
}

void OutboxRows::Bury(std::int64_t id, Millis now) {
  bury_.Execute(now, id);
  delete_.Execute(id);
}

std::vector<DeadRow> OutboxRows::Dead(std::int64_t after, std::size_t most) {
  std::vector<DeadRow> dead;
  OutboxLimits limits(most);
  for (auto rows = dead_.Query(after, most); !limits.reached() && rows.Next();) {
    DeadRow& row = dead.emplace_back(rows.Int(0), ReadOutgoing(rows, 4));
    row.died_at = rows.Int(1);
    row.tries = static_cast<std::uint32_t>(rows.Int(2));
    row.error = rows.Text(3);
    limits.Take(row.outgoing.message.body.size());
  }
  return dead;
}

std::vector<std::int64_t> OutboxRows::DeadIds(std::int64_t after, std::size_t most) {
  std::vector<std::int64_t> ids;
  for (auto rows = dead_ids_.Query(after, most); rows.Next();) ids.push_back(rows.Int(0));
  return ids;
}

bool OutboxRows::Replay(std::int64_t dead, Millis now) {
  if (replay_.Execute(now, dead) == 0) return false;
  purge_.Execute(dead);
  return true;
}

std::optional<std::string> OutboxRows::Purge(std::int64_t dead) {
  std::optional<std::string> target;
  {
    auto rows = dead_target_.Query(dead);
    if (!rows.Next()) return std::nullopt;
    target = std::string(rows.Text(0));
  }
  purge_.Execute(dead);
  return target;
}

}  // namespace tidings::messaging::embedded
