// The rows of users.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::sqlite {

class UserRows {
 public:
  explicit UserRows(Database& database);

  std::optional<chat::UserRow> Find(std::string_view id);
  std::optional<chat::UserRow> Find(chat::UserKey key);
  std::optional<chat::UserRow> FindName(std::string_view username);
  // Empty if there is no such user.
  std::string IdOf(chat::UserKey key);
  std::vector<chat::UserRow> WithPrefix(std::string_view prefix, std::string_view cursor, std::size_t limit);

 private:
  Statement by_id_;
  Statement by_key_;
  Statement by_username_;
  Statement id_of_;
  Statement all_;
  Statement with_prefix_;
};

class UserWrites {
 public:
  explicit UserWrites(Database& database);

  chat::UserKey Insert(const chat::UserRow& user);
  void Update(const chat::UserRow& user);

 private:
  Statement insert_;
  Statement touch_;
  Statement update_;
};

}  // namespace tidings::sqlite
