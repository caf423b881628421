// The writer's view of the store inside one commit.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/base/clock.hpp>
#include <tidings/storage/sqlite/event_rows.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

#include "event_sums.hpp"
#include "head_cache.hpp"

namespace tidings::sqlite {

class WriterTransaction final : public SqliteTransaction {
 public:
  // Reads where the store stands. Throws SqliteFailure.
  WriterTransaction(Database& database, const Clock& clock);

  // For the writer, around each commit.
  void Begin();
  void Committed();
  void RolledBack();
  std::uint64_t appended() const { return appended_; }
  // Whether data was replaced since this was last asked.
  bool TakeRedacted() { return std::exchange(redacted_, false); }

  Database& database() override { return database_; }
  Millis Now() const override { return now_; }
  Result<eventing::Appended> Append(std::string_view stream, eventing::Expected expected,
                                    std::span<const eventing::NewEvent> events) override;
  Result<eventing::Appended> Import(std::string_view stream, eventing::Expected expected,
                                    const eventing::ImportedEvent& event) override;
  Uuid NextId() const override { return Uuid::AtPlace(now_, next_, salt_); }
  eventing::Position Head() const override { return head_; }
  std::optional<eventing::StreamKey> FindStream(std::string_view stream) override;
  eventing::Version StreamHead(eventing::StreamKey stream) override;
  std::optional<eventing::StoredEvent> Read(eventing::StreamKey stream, eventing::Version version) override;
  std::optional<eventing::StoredEvent> ReadAt(eventing::Position position) override;
  void Redact(eventing::StreamKey stream, eventing::Version version, std::string_view data) override;

 private:
  // Where an append begins: nothing of it is written yet.
  class Place {
   public:
    eventing::StreamKey key = 0;
    eventing::Version* head = nullptr;  // in the cache
  };
  Result<Place> Find(std::string_view stream, eventing::Expected expected);
  void MakeStream(std::string_view stream, Place& place);
  // A type's number, and the digest of its name.
  class Type {
   public:
    std::uint64_t number = 0;
    std::uint64_t digest = 0;
  };
  const Type& FindType(const std::string& name);
  void Put(Place& place, const eventing::NewEvent& event, EventHeader& header, bool redacted);
  eventing::Version* HeadOf(eventing::StreamKey stream);

  Database& database_;
  const Clock& clock_;
  EventRows rows_;
  const std::uint32_t salt_;
  Statement insert_;
  Statement insert_stream_;
  Statement insert_type_;
  Statement redact_;

  HeadCache cache_;
  std::map<std::string, Type, std::less<>> types_;
  std::uint64_t last_type_ = 0;
  eventing::StreamKey last_stream_ = 0;

  Millis now_ = 0;
  eventing::Position head_ = 0;
  eventing::Position next_ = 1;
  eventing::Position committed_head_ = 0;
  eventing::Position deleted_ = 0;  // highest of a deleted event, as of the start
  std::uint64_t appended_ = 0;
  bool redacted_ = false;
};

}  // namespace tidings::sqlite
