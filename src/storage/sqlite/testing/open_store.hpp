// Short words for tests of the store.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tidings/storage/sqlite/event_store.hpp>
#include <tidings/testing/temp_folder.hpp>

namespace tidings::sqlite::testing {

inline SqliteEventStore::Options In(const TempFolder& folder) {
  SqliteEventStore::Options options;
  options.folder = folder.File("store");
  return options;
}

// The error with which the store does not open; empty if it does.
inline std::string Refusal(const SqliteEventStore::Options& options) {
  const auto opened = SqliteEventStore::Open(options);
  return opened ? "" : opened.error().message();
}

inline std::unique_ptr<SqliteEventStore> Opened(const SqliteEventStore::Options& options) {
  auto opened = SqliteEventStore::Open(options);
  if (!opened) {
    ADD_FAILURE() << opened.error().message();
    return nullptr;
  }
  return *std::move(opened);
}

inline std::unique_ptr<SqliteEventStore> Started(const SqliteEventStore::Options& options) {
  auto store = Opened(options);
  if (store) store->Start();
  return store;
}

class FunctionUnit final : public eventing::Unit {
 public:
  using Work = std::function<Status(SqliteTransaction&)>;
  FunctionUnit(Work run, std::shared_ptr<std::promise<Status>> promise, bool may_only_read = false)
      : run_(std::move(run)), promise_(std::move(promise)), may_only_read_(may_only_read) {}
  bool MayOnlyRead() const override { return may_only_read_; }
  Status Run(eventing::Transaction& transaction) override { return run_(SqliteTransaction::Of(transaction)); }
  void Done(const Status& outcome) override { promise_->set_value(outcome); }

 private:
  Work run_;
  std::shared_ptr<std::promise<Status>> promise_;
  const bool may_only_read_;
};

inline Status Do(SqliteEventStore& store, std::function<Status(SqliteTransaction&)> run, bool may_only_read = false) {
  const auto promise = std::make_shared<std::promise<Status>>();
  auto future = promise->get_future();
  store.Submit(std::make_unique<FunctionUnit>(std::move(run), promise, may_only_read));
  return future.get();
}

inline Result<eventing::Appended> Append(SqliteEventStore& store, const std::string& stream, const std::string& data) {
  return store.AppendAndWait(stream, eventing::Expected::Any(), {eventing::NewEvent("noted", data)});
}

inline std::string Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void Save(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Name and contents of each file but the lock.
inline std::map<std::string, std::string> Files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != "tidings.lock") files[name] = Load(entry.path().string());
  }
  return files;
}

}  // namespace tidings::sqlite::testing
