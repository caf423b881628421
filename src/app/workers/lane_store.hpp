// LaneStore: what one lane of a worker keeps, in one SQLite file: the inbox, and the effects of what it handled, which share a
// commit. It is a SqliteInbox with a reader of the same file beside it.
//
//   router.Subscribe(queue, Idempotent(store), [&](Context& context) -> Task<Status> {
//     LaneUnit& unit = context.unit()->As<LaneUnit>();
//     unit.Write([n = …](sqlite::Database& database) { … });
//     unit.After([&] { … });
//     co_return Status();
//   });
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/sqlite/inbox.hpp>

namespace tidings::app {

// Belongs to its executor. REQUIRES: nobody waits for a commit when it is dropped.
class LaneStore final : public messaging::Inbox {
 public:
  // Runs within the commit, on the inbox's thread: it has what it needs by value. Throws StoreFailure.
  using Effect = std::move_only_function<void(sqlite::Database&)>;

  // kInternal: the file cannot be opened; the message says why. `schema`: statements that may run again.
  static Result<std::unique_ptr<LaneStore>> Open(messaging::Executor executor, const std::filesystem::path& file,
                                                 std::string_view schema);

  messaging::Task<Result<std::unique_ptr<messaging::InboxUnit>>> Begin() override;
  messaging::Task<Result<std::uint64_t>> Forget(Millis before) override;
  // An effect by itself.
  messaging::Task<Status> Write(Effect effect);
  // For reading, on the executor; what was committed is there. What it throws is StoreFailure.
  sqlite::Database& database() { return *reader_; }

 private:
  LaneStore(std::unique_ptr<messaging::SqliteInbox> inbox, std::unique_ptr<sqlite::Database> reader)
      : inbox_(std::move(inbox)), reader_(std::move(reader)) {}

  std::unique_ptr<messaging::SqliteInbox> inbox_;
  std::unique_ptr<sqlite::Database> reader_;
};

class LaneUnit final : public messaging::InboxUnit {
 public:
  explicit LaneUnit(std::unique_ptr<messaging::InboxUnit> unit) : unit_(std::move(unit)) {}
  void Write(LaneStore::Effect effect);
  // Called on the executor when the commit succeeded.
  void After(std::move_only_function<void()> told) { after_.push_back(std::move(told)); }

  messaging::Task<Result<messaging::Recorded>> Record(std::string message_id, std::string consumer,
                                                      Millis now) override;
  messaging::Task<Status> Commit() override;

 private:
  std::unique_ptr<messaging::InboxUnit> unit_;
  std::vector<std::move_only_function<void()>> after_;
};

}  // namespace tidings::app
