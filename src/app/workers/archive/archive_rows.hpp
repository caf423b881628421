// The tables of an archive lane: lines that are in no file yet, how far each file is whole, and what is to be taken out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

#include "archive/archive_line.hpp"

namespace tidings::app {

// Statements that may run again.
extern const std::string_view kArchiveSchema;

class ArchiveFileRow {
 public:
  std::string room;
  std::string day;
  std::uint64_t bytes = 0;      // what is beyond was not finished
  std::uint64_t lines = 0;
  std::uint64_t last = 0;       // of its last block
  std::uint64_t rewriting = 0;  // bytes of the file that takes its place just now; 0: none does
};

class ArchivePending {
 public:
  std::int64_t up_to = 0;  // the last line's number
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t lines = 0;
  std::string text;
};

// All throw StoreFailure. Those that write: within a transaction.
class ArchiveRows {
 public:
  explicit ArchiveRows(sqlite::Database& database);

  // Without what a deleted message said, whenever the line comes.
  void Add(const ArchiveLine& line, Millis now);
  // Takes the message out of lines that are in no file, notes it for the files from that day on, and keeps in mind that it was
  // deleted.
  void Redact(std::string_view room, std::string_view message, std::string_view from_day);
  void Redacted(std::string_view room, std::string_view message);
  void Written(const ArchiveFileRow& row, std::int64_t up_to);
  void Rewrite(const ArchiveFileRow& row);

  // Rooms and days with at least so many lines, or with one from before that time.
  std::vector<std::pair<std::string, std::string>> Due(std::uint64_t lines, Millis before);
  // Up to `most` bytes, at least one line.
  ArchivePending Pending(std::string_view room, std::string_view day, std::size_t most);
  ArchiveFileRow File(std::string_view room, std::string_view day);
  std::vector<ArchiveFileRow> Files();
  std::vector<ArchiveFileRow> FilesFrom(std::string_view room, std::string_view day);
  std::vector<ArchiveFileRow> Rewriting();
  class Redaction {
   public:
    std::int64_t number = 0;
    std::string room;
    std::string message;
    std::string from_day;
  };
  // The oldest one past that number.
  std::optional<Redaction> NextRedaction(std::int64_t after);
  // (room, day) of everything that is there.
  std::vector<std::pair<std::string, std::string>> All();

 private:
  sqlite::Statement add_;
  sqlite::Statement deleted_;
  sqlite::Statement mentioned_;
  sqlite::Statement replace_;
  sqlite::Statement note_;
  sqlite::Statement redacted_;
  sqlite::Statement file_written_;
  sqlite::Statement drop_lines_;
  sqlite::Statement due_;
  sqlite::Statement pending_;
  sqlite::Statement file_;
  sqlite::Statement files_;
  sqlite::Statement files_from_;
  sqlite::Statement rewriting_;
  sqlite::Statement next_redaction_;
  sqlite::Statement all_;
};

}  // namespace tidings::app
