#include "lane_store.hpp"

#include <tidings/base/log.hpp>

namespace tidings::app {
namespace {

using messaging::Task;

// What comes again after so long is taken for new; nothing does but what an operator replays.
constexpr std::chrono::days kKept{7};

}  // namespace

Result<std::unique_ptr<LaneStore>> LaneStore::Open(messaging::Executor executor, const std::filesystem::path& file,
                                                   std::string_view schema) {
  messaging::SqliteInbox::Options options;
  options.file = file.string();
  options.keep = kKept;
  options.prepare = [tables = std::string(schema)](sqlite::Database& database) -> Status {
    // What the archive takes out is not to stay in free pages.
    database.Execute("PRAGMA secure_delete=ON");
    database.Execute(tables);
    return {};
  };
  options.fatal = [](const std::string& line) { log::Err("lane_stands_still", {{"reason", line}}); };
  auto inbox = messaging::SqliteInbox::Open(std::move(executor), std::move(options));
  if (!inbox) return std::unexpected(inbox.error().Within("the lane's file " + file.string()));
  try {
    auto reader = std::make_unique<sqlite::Database>(file.string(), sqlite::Database::Mode::kReader);
    return std::unique_ptr<LaneStore>(new LaneStore(std::move(*inbox), std::move(reader)));
  } catch (const StoreFailure& failure) {
    return std::unexpected(failure.error().Within("the lane's file " + file.string()));
  }
}

Task<Result<std::unique_ptr<messaging::InboxUnit>>> LaneStore::Begin() {
  auto unit = co_await inbox_->Begin();
  if (!unit) co_return std::unexpected(unit.error());
  co_return std::make_unique<LaneUnit>(std::move(*unit));
}

Task<Result<std::uint64_t>> LaneStore::Forget(Millis before) { co_return co_await inbox_->Forget(before); }

Task<Status> LaneStore::Write(Effect effect) {
  auto unit = co_await inbox_->Begin();
  if (!unit) co_return std::unexpected(unit.error());
  LaneUnit lane(std::move(*unit));
  lane.Write(std::move(effect));
  co_return co_await lane.Commit();
}

void LaneUnit::Write(LaneStore::Effect effect) {
  unit_->As<messaging::SqliteUnit>().OnCommit(
      [effect = std::move(effect)](sqlite::Database& database) mutable -> Status {
        try {
          effect(database);
          return {};
        } catch (const sqlite::SqliteFailure&) {
          throw;
        } catch (const StoreFailure& failure) {
          return std::unexpected(failure.error());
        }
      });
}

Task<Result<messaging::Recorded>> LaneUnit::Record(std::string message_id, std::string consumer, Millis now) {
  co_return co_await unit_->Record(std::move(message_id), std::move(consumer), now);
}

Task<Status> LaneUnit::Commit() {
  Status committed = co_await unit_->Commit();
  if (!committed) co_return committed;
  for (auto& told : after_) told();
  co_return committed;
}

}  // namespace tidings::app
