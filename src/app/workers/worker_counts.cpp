#include <tidings/app/worker_counts.hpp>

#include <tidings/app/worker.hpp>
#include <tidings/base/log.hpp>

#include "folder.hpp"
#include "room_rows.hpp"
#include "webhook/delivery_rows.hpp"

namespace tidings::app {
namespace {

// False: its worker does not go by numbers.
bool Add(const std::filesystem::path& file, WorkerCounts& counts) {
  try {
    sqlite::Database database(file.string(), sqlite::Database::Mode::kReader);
    if (database.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'order_counts'") == 0) return false;
    RoomRows rows(database);
    const RoomOrderCounts of_lane = rows.Counts();
    counts.early += rows.EarlyCount();
    counts.missed += of_lane.missed;
    counts.late += of_lane.late;
    if (database.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'webhook_losses'") != 0) {
      counts.lost += WebhookRows::Lost(database);
    }
    return true;
  } catch (const StoreFailure& failure) {
    log::Debug("worker_not_counted", {{"file", file.string()}, {"reason", failure.error().message()}});
    return false;
  }
}

}  // namespace

std::vector<WorkerCounts> CountWorkers(const std::filesystem::path& data) {
  std::vector<WorkerCounts> all;
  for (const std::string_view name : WorkerNames()) {
    WorkerCounts counts;
    counts.worker = name;
    bool counted = false;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(WorkerFolder(data, name), error)) {
      const std::string file = entry.path().filename();
      if (file.starts_with("lane-") && file.ends_with(".db")) counted |= Add(entry.path(), counts);
    }
    if (counted) all.push_back(std::move(counts));
  }
  return all;
}

}  // namespace tidings::app
