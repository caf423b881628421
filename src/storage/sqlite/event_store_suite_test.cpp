#include "../../eventing/testing/event_store_suite.hpp"

#include <tidings/storage/sqlite/event_store.hpp>
#include <tidings/testing/temp_folder.hpp>

namespace tidings::eventing::testing {
namespace {

class SqliteSubject final : public Subject {
 public:
  explicit SqliteSubject(const Setting& setting) {
    options_.folder = folder_.File("store");
    options_.clock = setting.clock;
    options_.queue = setting.queue;
    options_.batch = setting.batch;
    // Often enough that the tests meet checkpoints.
    options_.checkpoint_pages = 100;
    Reopen();
  }
  EventStore& store() override { return *store_; }
  void AddListener(CommitListener& listener) override { store_->AddListener(listener); }
  void Start() override { store_->Start(); }
  void Close() override { store_->Close(); }
  void Reopen() override {
    store_.reset();
    auto opened = sqlite::SqliteEventStore::Open(options_);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = *std::move(opened);
  }

 private:
  TempFolder folder_;
  sqlite::SqliteEventStore::Options options_;
  std::unique_ptr<sqlite::SqliteEventStore> store_;
};

Case SqliteCase() {
  Features features;
  features.persistent = true;
  features.imports = true;
  return Case("Sqlite", features, [](const Setting& setting) { return std::make_unique<SqliteSubject>(setting); });
}

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreSuite, ::testing::Values(SqliteCase()), CaseName);

}  // namespace
}  // namespace tidings::eventing::testing
