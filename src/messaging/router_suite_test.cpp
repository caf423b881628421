#include "testing/router_suite.hpp"

#include <tidings/messaging/memory_transport.hpp>

namespace tidings::messaging::testing {
namespace {

class RouterOnMemory final : public TransportEnvironment {
 public:
  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override {
    if (!broker_) broker_ = std::make_shared<MemoryBroker>(timers, &ledger);
    co_return std::make_unique<MemoryTransport>(std::move(executor), broker_);
  }

 private:
  std::shared_ptr<MemoryBroker> broker_;
};

Case MemoryCase(std::string name, bool virtual_time) {
  Features features;
  features.virtual_time = virtual_time;
  features.several = true;
  return Case(std::move(name), features, [] { return std::make_unique<RouterOnMemory>(); });
}

INSTANTIATE_TEST_SUITE_P(Memory, RouterSuite, ::testing::Values(MemoryCase("virtual", true), MemoryCase("real", false)),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(Memory, DisturbedRouter, ::testing::Values(MemoryCase("virtual", true)), CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
