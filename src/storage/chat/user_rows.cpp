#include "user_rows.hpp"

namespace tidings::sqlite {

namespace {

#define TIDINGS_USER_COLUMNS "key, id, name, username, password_hash, suspended, created_at, last_seen"

chat::UserRow UserOf(const Rows& rows) {
  chat::UserRow user;
  user.key = rows.Whole(0);
  user.id = rows.Text(1);
  user.name = rows.Text(2);
  if (!rows.Null(3)) user.username = rows.Text(3);
  user.password_hash = rows.Text(4);
  user.suspended = rows.Int(5) != 0;
  user.created_at = rows.Int(6);
  user.last_seen = rows.Int(7);
  return user;
}

std::optional<chat::UserRow> OneUser(Rows rows) {
  if (!rows.Next()) return std::nullopt;
  return UserOf(rows);
}

std::optional<std::string_view> NullIfEmpty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

}  // namespace

// `+id` keeps the planner from walking all users in the order of ids where a prefix leads to few.
UserRows::UserRows(Database& database)
    : by_id_(database, "SELECT " TIDINGS_USER_COLUMNS " FROM users WHERE id = ?1"),
      by_key_(database, "SELECT " TIDINGS_USER_COLUMNS " FROM users WHERE key = ?1"),
      by_username_(database, "SELECT " TIDINGS_USER_COLUMNS " FROM users WHERE username = ?1"),
      id_of_(database, "SELECT id FROM users WHERE key = ?1"),
      all_(database, "SELECT " TIDINGS_USER_COLUMNS " FROM users WHERE id > ?1 ORDER BY id LIMIT ?2"),
      with_prefix_(database, "SELECT " TIDINGS_USER_COLUMNS
                             " FROM users WHERE key IN ("
                             "SELECT key FROM users WHERE id COLLATE NOCASE >= ?1 AND id COLLATE NOCASE < ?2 UNION "
                             "SELECT key FROM users WHERE name COLLATE NOCASE >= ?1 AND name COLLATE NOCASE < ?2) "
                             "AND +id > ?3 ORDER BY +id LIMIT ?4") {}

std::optional<chat::UserRow> UserRows::Find(std::string_view id) { return OneUser(by_id_.Query(id)); }

std::optional<chat::UserRow> UserRows::Find(chat::UserKey key) { return OneUser(by_key_.Query(key)); }

std::optional<chat::UserRow> UserRows::FindName(std::string_view username) {
  return OneUser(by_username_.Query(username));
}

std::string UserRows::IdOf(chat::UserKey key) {
  Rows rows = id_of_.Query(key);
  return rows.Next() ? std::string(rows.Text(0)) : std::string();
}

std::vector<chat::UserRow> UserRows::WithPrefix(std::string_view prefix, std::string_view cursor, std::size_t limit) {
  std::vector<chat::UserRow> users;
  // No byte of UTF-8 is as high as this, so that all that begins with the prefix lies below.
  const std::string end = std::string(prefix) + '\xff';
  Rows rows = prefix.empty() ? all_.Query(cursor, limit) : with_prefix_.Query(prefix, end, cursor, limit);
  while (rows.Next()) users.push_back(UserOf(rows));
  return users;
}

UserWrites::UserWrites(Database& database)
    : insert_(database,
              "INSERT INTO users (" TIDINGS_USER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING key"),
      touch_(database,
             "UPDATE users SET suspended = ?2, last_seen = ?3 WHERE key = ?1 AND id = ?4 AND name = ?5 AND "
             "username IS ?6 AND password_hash = ?7 AND created_at = ?8"),
      update_(database,
              "UPDATE users SET id = ?2, name = ?3, username = ?4, password_hash = ?5, suspended = ?6, "
              "created_at = ?7, last_seen = ?8 WHERE key = ?1") {}

chat::UserKey UserWrites::Insert(const chat::UserRow& user) {
  const auto key = user.key == 0 ? std::nullopt : std::optional<chat::UserKey>(user.key);
  const auto inserted = insert_.Number(key, user.id, user.name, NullIfEmpty(user.username), user.password_hash,
                                       user.suspended, user.created_at, user.last_seen);
  return static_cast<chat::UserKey>(inserted.value_or(0));
}

// Most often a user was only seen again, which no index is concerned with.
void UserWrites::Update(const chat::UserRow& user) {
  const auto touched = touch_.Execute(user.key, user.suspended, user.last_seen, user.id, user.name,
                                      NullIfEmpty(user.username), user.password_hash, user.created_at);
  if (touched > 0) return;
  update_.Execute(user.key, user.id, user.name, NullIfEmpty(user.username), user.password_hash, user.suspended,
                  user.created_at, user.last_seen);
}

#undef TIDINGS_USER_COLUMNS

}  // namespace tidings::sqlite
