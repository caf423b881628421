#include <tidings/storage/chat/chat_schema.hpp>

namespace tidings::sqlite {

namespace {

// Ids and usernames are found exactly, listed by prefix without regard to case.
constexpr const char* kUsers = R"sql(
CREATE TABLE users (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  username TEXT UNIQUE,
  password_hash TEXT NOT NULL,
  suspended INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_seen INTEGER NOT NULL
);
CREATE INDEX users_id_prefix ON users (id COLLATE NOCASE);
CREATE INDEX users_name_prefix ON users (name COLLATE NOCASE);
)sql";

// Small numbers first: lists sort by them without reading on into the texts.
constexpr const char* kRooms = R"sql(
CREATE TABLE rooms (
  key INTEGER PRIMARY KEY,
  head INTEGER NOT NULL,
  members INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER NOT NULL,
  last_at INTEGER,
  last_seq INTEGER,
  creator INTEGER NOT NULL,
  pair_low INTEGER NOT NULL,
  pair_high INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  creator_id TEXT NOT NULL,
  last_id TEXT,
  last_sender TEXT,
  last_type TEXT,
  last_value TEXT
);
CREATE UNIQUE INDEX rooms_pair ON rooms (pair_low, pair_high) WHERE kind = 1 AND deleted_at = 0;
CREATE INDEX rooms_public ON rooms (coalesce(last_at, created_at), key) WHERE kind = 2 AND deleted_at = 0;
CREATE TABLE members (
  room INTEGER NOT NULL,
  user INTEGER NOT NULL,
  role INTEGER NOT NULL,
  joined_at INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  read INTEGER NOT NULL,
  PRIMARY KEY (room, user)
) WITHOUT ROWID;
CREATE INDEX members_user ON members (user, room);
)sql";

// message_state: records are big and grow, so they lie in the order of writing, found by a small index.
// mentions.author: of the message, so that one's own are left out without a look at the log.
constexpr const char* kMessages = R"sql(
CREATE TABLE message_state (
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  last_event INTEGER NOT NULL,
  record BLOB NOT NULL,
  UNIQUE (room, seq)
);
CREATE TABLE sends (
  sender INTEGER NOT NULL,
  client_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (sender, client_id)
) WITHOUT ROWID;
CREATE TABLE mentions (
  user INTEGER NOT NULL,
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  author INTEGER NOT NULL,
  PRIMARY KEY (user, room, seq)
) WITHOUT ROWID;
CREATE TABLE reactions (
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  emoji TEXT NOT NULL,
  place INTEGER NOT NULL,
  user INTEGER NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (room, seq, emoji, place, user),
  UNIQUE (room, seq, emoji, user)
) WITHOUT ROWID;
CREATE TABLE replies (
  room INTEGER NOT NULL,
  parent INTEGER NOT NULL,
  reply INTEGER NOT NULL,
  PRIMARY KEY (room, parent, reply)
) WITHOUT ROWID;
)sql";

// Of each closed block of a room's numbers: how many living messages it holds by author (author 0: all; a closed block
// always has that row), at level 1 summed over groups of blocks; and which of its numbers are messages, dead or alive,
// as a map of bits (no row if there are none).
constexpr const char* kCounts = R"sql(
CREATE TABLE counts (
  room INTEGER NOT NULL,
  author INTEGER NOT NULL,
  level INTEGER NOT NULL,
  block INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (room, author, level, block)
) WITHOUT ROWID;
CREATE TABLE message_blocks (
  room INTEGER NOT NULL,
  block INTEGER NOT NULL,
  created BLOB NOT NULL,
  PRIMARY KEY (room, block)
) WITHOUT ROWID;
)sql";

constexpr const char* kSessions = R"sql(
CREATE TABLE sessions (
  pid TEXT PRIMARY KEY,
  user INTEGER NOT NULL,
  socket_id TEXT NOT NULL,
  begin INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_seen ON sessions (seen_at);
CREATE TABLE session_rooms (
  pid TEXT NOT NULL,
  room INTEGER NOT NULL,
  after INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  PRIMARY KEY (pid, room)
) WITHOUT ROWID;
)sql";

// A join's number tells it from earlier and later ones of the same room, see SessionRoomRow; sessions are found by user
// where one leaves a room. Earlier joins were one a room and session, so the room's key serves them as a number.
constexpr const char* kJoinNumbers = R"sql(
ALTER TABLE session_rooms ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session_rooms ADD COLUMN left_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN shown TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_user ON sessions (user, seen_at);
CREATE TABLE joins_mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL
);
UPDATE session_rooms SET number = room;
INSERT INTO joins_mark SELECT 1, coalesce(max(number), 0) FROM session_rooms;
)sql";

constexpr const char* kCheckpoints = R"sql(
CREATE TABLE checkpoints (
  reader TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

// Queues that are cursors over the log. Entries are few: what is owed though the cursor is past it, and messages that did
// not come out of the log.
constexpr const char* kQueues = R"sql(
CREATE TABLE queue_exchanges (
  name TEXT PRIMARY KEY,
  kind INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE queues (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  options TEXT NOT NULL,
  cursor INTEGER NOT NULL
);
CREATE TABLE queue_bindings (
  queue INTEGER NOT NULL,
  exchange TEXT NOT NULL,
  pattern TEXT NOT NULL,
  after INTEGER NOT NULL,
  PRIMARY KEY (queue, exchange, pattern)
) WITHOUT ROWID;
CREATE TABLE queue_entries (
  queue INTEGER NOT NULL,
  position INTEGER NOT NULL,
  number INTEGER NOT NULL,
  source INTEGER NOT NULL,
  held INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  unsettled INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  due INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  headers BLOB,
  message BLOB,
  UNIQUE (queue, position, number)
);
)sql";

// Rows of sends may come later than their events; up to this position all are there.
constexpr const char* kSendsMark = R"sql(
CREATE TABLE sends_mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL
);
)sql";
constexpr const char* kFirstSendsMark = "INSERT INTO sends_mark SELECT 1, coalesce(max(position), 0) FROM events;";

}  // namespace

SchemaPart ChatSchema() {
  SchemaPart part("chat", {std::string(kUsers) + kRooms + kMessages + kCounts + kSessions,
                           std::string(kSendsMark) + kFirstSendsMark, kCheckpoints, kQueues, kJoinNumbers});
  // A copy that is started goes on from its own end: what clients saw past it is not what will stand there.
  part.in_copies = "DELETE FROM sessions; DELETE FROM session_rooms;";
  return part;
}

std::string DerivedSchema() { return std::string(kRooms) + kMessages + kCounts + kSendsMark; }

}  // namespace tidings::sqlite
