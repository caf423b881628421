// InboxCore: the executor's side of an inbox, which its units share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/messaging/sqlite/inbox.hpp>

#include "inbox_rows.hpp"
#include "inbox_writer.hpp"

namespace tidings::messaging::embedded {

// One executor.
class InboxCore : public std::enable_shared_from_this<InboxCore> {
 public:
  InboxCore(Executor executor, std::unique_ptr<sqlite::Database> reader, std::unique_ptr<InboxWriter> writer);

  // Marks it as open, until Drop.
  Result<Recorded> Record(const InboxRecord& record);
  void Drop(const InboxRecord& record) { open_.erase(Key(record.message_id, record.consumer)); }
  Result<std::optional<std::uint64_t>> Position(std::string_view consumer, std::string_view sequence);
  // Resumes when the outcome is durable.
  Task<std::unique_ptr<InboxOrder>> Commit(std::unique_ptr<InboxOrder> order);
  void Close() { writer_->Close(); }
  std::uint64_t commits() const { return writer_->commits(); }
  const Executor& executor() const { return executor_; }
  const std::string& path() const { return reader_->path(); }

 private:
  using Key = std::pair<std::string, std::string>;

  Executor executor_;
  std::unique_ptr<sqlite::Database> reader_;
  InboxLookup lookup_;
  std::set<Key> open_;  // of units that are not committed yet
  std::unique_ptr<InboxWriter> writer_;
};

}  // namespace tidings::messaging::embedded
