#include <tidings/eventing/memory_event_store.hpp>

#include "testing/event_store_suite.hpp"

namespace tidings::eventing::testing {
namespace {

class MemorySubject final : public Subject {
 public:
  explicit MemorySubject(const MemoryEventStore::Options& options) : store_(options) {}
  EventStore& store() override { return store_; }
  void AddListener(CommitListener& listener) override { store_.AddListener(listener); }
  void Start() override { store_.Start(); }
  void Close() override { store_.Close(); }
  void Reopen() override { FAIL() << "memory forgets"; }

 private:
  MemoryEventStore store_;
};

Case MemoryCase() {
  Features features;
  features.imports = true;
  return Case("Memory", features, [](const Setting& setting) {
    MemoryEventStore::Options options;
    options.clock = setting.clock;
    options.queue = setting.queue;
    options.batch = setting.batch;
    return std::make_unique<MemorySubject>(options);
  });
}

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreSuite, ::testing::Values(MemoryCase()), CaseName);

}  // namespace
}  // namespace tidings::eventing::testing
