// LedgerFile: a database whose effects are words in a table, with an inbox in it, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/guarded.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/sqlite/inbox.hpp>

namespace tidings::messaging::testing {

class LedgerFile {
 public:
  explicit LedgerFile(std::string file) : file_(std::move(file)) {}

  const std::string& file() const { return file_; }
  SqliteInbox::Options Options() {
    SqliteInbox::Options options;
    options.file = file_;
    options.prepare = [](sqlite::Database& database) -> Status {
      database.Execute(
          "CREATE TABLE IF NOT EXISTS words (place INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT NOT NULL)");
      return {};
    };
    options.fatal = [this](const std::string& line) { *fatal_.Lock() = line; };
    return options;
  }
  std::unique_ptr<SqliteInbox> Open(Executor executor, SqliteInbox::Options options) {
    auto opened = SqliteInbox::Open(std::move(executor), std::move(options));
    if (!opened) ADD_FAILURE() << opened.error().message();
    return opened ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<SqliteInbox> Open(Executor executor) { return Open(std::move(executor), Options()); }
  std::string fatal() { return *fatal_.Lock(); }

  static SqliteUnit::Effect Writes(std::string word) {
    return [word = std::move(word)](sqlite::Database& database) -> Status {
      sqlite::Statement(database, "INSERT INTO words (word) VALUES (?)").Execute(word);
      return {};
    };
  }
  std::vector<std::string> Words() { return Column("SELECT word FROM words ORDER BY place"); }
  std::vector<std::string> Records() { return Column("SELECT message_id FROM tidings_inbox ORDER BY 1"); }

 private:
  std::vector<std::string> Column(const std::string& sql) {
    std::vector<std::string> all;
    sqlite::Database database(file_, sqlite::Database::Mode::kReader);
    sqlite::Statement statement(database, sql);
    for (auto rows = statement.Query(); rows.Next();) all.emplace_back(rows.Text(0));
    return all;
  }

  std::string file_;
  Guarded<std::string> fatal_;
};

}  // namespace tidings::messaging::testing
