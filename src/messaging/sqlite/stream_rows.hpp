// StreamRows: streams and their groups in the file. Ids are row ids: they rise over all streams and are never given again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/streams.hpp>

namespace tidings::messaging::embedded {

// What a trim did.
class Trimmed {
 public:
  std::uint64_t entries = 0;
  std::uint64_t owed = 0;  // to groups, over all of them
};

// One thread, within a transaction that writes; all throw SqliteFailure.
class StreamRows {
 public:
  explicit StreamRows(sqlite::Database& database);

  StreamId Append(const std::string& stream, const Message& message, Millis now);
  StreamId Tail(const std::string& stream);
  std::vector<StreamEntry> Read(const std::string& stream, StreamId after, std::size_t limit);
  // kNotFound where there is no such stream.
  Result<StreamStats> Stats(const std::string& stream);
  Trimmed Trim(const std::string& stream, const TrimPolicy& policy);

  // kNotFound where there is no such group.
  void CreateGroup(const std::string& stream, const std::string& group, StreamId after);
  Result<std::vector<StreamEntry>> ReadGroup(const std::string& stream, const std::string& group,
                                             const std::string& consumer, std::size_t limit, Millis now);
  Result<std::uint64_t> Acknowledge(const std::string& stream, const std::string& group,
                                    const std::vector<StreamId>& ids);
  Result<std::vector<StreamEntry>> Claim(const std::string& stream, const std::string& group,
                                         const std::string& consumer, std::chrono::milliseconds idle, std::size_t limit,
                                         Millis now);
  Result<GroupStats> Group(const std::string& stream, const std::string& group);

 private:
  class GroupRow {
   public:
    std::int64_t id = 0;
    std::int64_t stream = 0;
    std::int64_t last_delivered = 0;
  };
  std::optional<std::int64_t> Find(const std::string& stream);
  std::int64_t FindOrMake(const std::string& stream);
  Result<GroupRow> FindGroup(const std::string& stream, const std::string& group);
  std::int64_t Cut(std::int64_t stream, const TrimPolicy& policy);

  sqlite::Statement find_;
  sqlite::Statement make_;
  sqlite::Statement append_;
  sqlite::Statement set_last_;
  sqlite::Statement tail_;
  sqlite::Statement read_;
  sqlite::Statement stats_;
  sqlite::Statement keep_from_;
  sqlite::Statement cut_;
  sqlite::Statement owed_from_;
  sqlite::Statement owed_pending_;
  sqlite::Statement owed_new_;
  sqlite::Statement drop_pending_;
  sqlite::Statement create_group_;
  sqlite::Statement find_group_;
  sqlite::Statement deliver_;
  sqlite::Statement set_delivered_;
  sqlite::Statement acknowledge_;
  sqlite::Statement stale_;
  sqlite::Statement claim_;
  sqlite::Statement group_;
};

}  // namespace tidings::messaging::embedded
