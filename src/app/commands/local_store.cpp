#include "local_store.hpp"

#include <filesystem>

#include <tidings/app/server.hpp>
#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>

namespace tidings::app {

namespace {

constexpr char kFile[] = "tidings.db";

}  // namespace

Result<std::unique_ptr<LocalStore>> LocalStore::Open(const std::string& folder, Use use) {
  const bool make = use == Use::kMake;
  std::error_code failure;
  if (!make && !std::filesystem::exists(std::filesystem::path(folder) / kFile, failure)) {
    return Fail(ErrorCode::kNotFound, "there is no store in " + folder + "; name its folder with --data");
  }
  if (make) {
    if (Status made = MakeDataFolder(folder); !made) return std::unexpected(made.error());
  }
  std::unique_ptr<LocalStore> local(new LocalStore(folder));
  sqlite::SqliteEventStore::Options options;
  options.folder = folder;
  options.parts.push_back(sqlite::ChatSchema());
  options.migrate = make;
  options.only_read = use == Use::kRead;
  auto opened = sqlite::SqliteEventStore::Open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  local->events_ = std::move(*opened);
  local->engine_ = std::make_unique<chat::Engine>(
      *local->events_,
      [](eventing::Transaction& transaction) -> chat::Tables& {
        return sqlite::SqliteTransaction::Of(transaction).database().Slot<sqlite::SqliteTables>();
      },
      chat::Limits{}, nullptr);
  local->events_->AddListener(local->engine_->listener());
  if (use != Use::kRead) local->events_->Start();
  return local;
}

LocalStore::~LocalStore() {
  if (events_) events_->Close();
}

std::string LocalStore::path() const { return folder_ + "/" + kFile; }

}  // namespace tidings::app
