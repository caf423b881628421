#include <tidings/messaging/memory_inbox.hpp>

#include "testing/inbox_suite.hpp"

namespace tidings::messaging::testing {
namespace {

class InMemory final : public InboxEnvironment {
 public:
  Inbox& Open(Executor) override { return inbox_; }
  void Write(InboxUnit& unit, const std::string& word) override {
    unit.As<MemoryUnit>().OnCommit([this, word] { words_.push_back(word); });
  }
  std::vector<std::string> Words() override { return words_; }

 private:
  MemoryInbox inbox_;
  std::vector<std::string> words_;
};

INSTANTIATE_TEST_SUITE_P(Memory, InboxSuite,
                         ::testing::Values(InboxCase("Memory", [] { return std::make_unique<InMemory>(); })),
                         InboxCaseName);

}  // namespace
}  // namespace tidings::messaging::testing
