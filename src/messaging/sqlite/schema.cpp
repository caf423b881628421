#include "schema.hpp"

namespace tidings::messaging::embedded {
namespace {

// No id is ever given again, for that would make an acknowledged message of a new one: AUTOINCREMENT, and for messages, whose
// ids have their queue's above their number so that each queue lies in one place, queues.last_message.
constexpr const char* kTables = R"sql(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;
CREATE TABLE owners (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pid INTEGER NOT NULL,
  since INTEGER NOT NULL,
  alive_until INTEGER NOT NULL
);
CREATE TABLE queues (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  durable INTEGER NOT NULL,
  exclusive_owner INTEGER,
  dead_letters INTEGER NOT NULL,
  delivery_limit INTEGER NOT NULL,
  max_length INTEGER,
  message_ttl INTEGER,
  last_message INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  single_active INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE exchanges (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  durable INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE bindings (
  exchange TEXT NOT NULL,
  queue INTEGER NOT NULL,
  pattern TEXT NOT NULL,
  PRIMARY KEY (exchange, queue, pattern)
) WITHOUT ROWID;
CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  accepted_at INTEGER NOT NULL,
  expires_at INTEGER,
  deliveries INTEGER NOT NULL,
  unsettled INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX messages_expiring ON messages (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE delayed (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  queue INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  expires_at INTEGER,
  deliveries INTEGER NOT NULL,
  unsettled INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX delayed_due ON delayed (due_at);
CREATE INDEX delayed_of_queue ON delayed (queue);
CREATE TABLE leases (
  queue INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  owner INTEGER NOT NULL,
  consumer INTEGER NOT NULL,
  taken_at INTEGER NOT NULL,
  PRIMARY KEY (queue, first_id)
) WITHOUT ROWID;
CREATE TABLE consumers (
  owner INTEGER NOT NULL,
  consumer INTEGER NOT NULL,
  queue INTEGER NOT NULL,
  prefetch INTEGER NOT NULL,
  PRIMARY KEY (owner, consumer)
) WITHOUT ROWID;
CREATE TABLE subscriptions (
  owner INTEGER NOT NULL,
  subscription INTEGER NOT NULL,
  topic TEXT NOT NULL,
  PRIMARY KEY (owner, subscription, topic)
) WITHOUT ROWID;
CREATE TABLE notices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE streams (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  last_entry INTEGER NOT NULL
);
CREATE TABLE stream_entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX stream_entries_of_stream ON stream_entries (stream);
CREATE TABLE stream_groups (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream INTEGER NOT NULL,
  name TEXT NOT NULL,
  last_delivered INTEGER NOT NULL,
  UNIQUE (stream, name)
);
CREATE TABLE stream_pending (
  stream_group INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  consumer TEXT NOT NULL,
  delivered_at INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  PRIMARY KEY (stream_group, entry)
) WITHOUT ROWID;
CREATE VIEW queue_overview AS
  SELECT q.name AS queue, q.kept,
    (SELECT count(*) FROM leases l JOIN messages m ON m.id BETWEEN l.first_id AND l.last_id
      WHERE l.queue = q.id) AS unsettled,
    (SELECT count(*) FROM delayed d WHERE d.queue = q.id) AS delayed,
    (SELECT count(*) FROM consumers c WHERE c.queue = q.id) AS consumers
  FROM queues q;
CREATE VIEW message_overview AS
  SELECT m.id, q.name AS queue, m.message_id, m.type, m.key, m.headers, m.body,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.accepted_at / 1000.0, 'unixepoch') AS accepted, m.deliveries,
    (SELECT o.pid FROM leases l JOIN owners o ON o.id = l.owner
      WHERE l.queue = m.id >> 42 AND m.id BETWEEN l.first_id AND l.last_id) AS held_by_process
  FROM messages m JOIN queues q ON q.id = m.id >> 42;
CREATE VIEW group_overview AS
  SELECT s.name AS stream, g.name AS "group", g.last_delivered,
    (SELECT count(*) FROM stream_pending p WHERE p.stream_group = g.id) AS pending,
    (SELECT count(*) FROM stream_entries e WHERE e.stream = s.id AND e.id > g.last_delivered) AS not_delivered
  FROM stream_groups g JOIN streams s ON s.id = g.stream;
INSERT INTO meta VALUES ('topology', 0);
)sql";

constexpr const char* kFromVersion1 = "ALTER TABLE queues ADD COLUMN single_active INTEGER NOT NULL DEFAULT 0";

}  // namespace

Status MakeSchema(sqlite::Database& database) {
  const std::int64_t version = database.Number("PRAGMA user_version");
  const std::int64_t program = database.Number("PRAGMA application_id");
  const bool empty = database.Number("SELECT count(*) FROM sqlite_master") == 0;
  if (!empty && program != kApplicationId) {
    return Fail(ErrorCode::kInternal,
                database.path() + " is a database of another program; nothing was changed: use another folder");
  }
  if (version > kSchemaVersion) {
    return Fail(ErrorCode::kInternal, database.path() + " was written by a newer version of tidings (schema version " +
                                          std::to_string(version) + ", known is " + std::to_string(kSchemaVersion) +
                                          "); nothing was changed: run that version");
  }
  if (!empty && version == kSchemaVersion) return {};
  database.Execute("BEGIN IMMEDIATE");
  try {
    database.Execute(empty ? kTables : kFromVersion1);
    database.Execute("PRAGMA application_id=" + std::to_string(kApplicationId));
    database.Execute("PRAGMA user_version=" + std::to_string(kSchemaVersion));
    database.Execute("COMMIT");
  } catch (...) {
    database.Rollback();
    throw;
  }
  return {};
}

}  // namespace tidings::messaging::embedded
