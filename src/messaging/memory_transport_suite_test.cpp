#include <tidings/messaging/memory_transport.hpp>

#include "testing/pub_sub_suite.hpp"
#include "testing/streams_suite.hpp"
#include "testing/transport_suite.hpp"

namespace tidings::messaging::testing {
namespace {

class MemoryEnvironment final : public TransportEnvironment {
 public:
  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override {
    if (!broker_) broker_ = std::make_shared<MemoryBroker>(timers, &ledger);
    co_return std::make_unique<MemoryTransport>(std::move(executor), broker_);
  }

 private:
  std::shared_ptr<MemoryBroker> broker_;
};

Case MemoryCase(const std::string& name, bool virtual_time) {
  Features features;
  features.virtual_time = virtual_time;
  features.reopens = true;
  features.several = true;
  features.unit = std::chrono::milliseconds(virtual_time ? 1'000 : 40);
  return Case(name, features, [] { return std::make_unique<MemoryEnvironment>(); });
}

const auto kCases = ::testing::Values(MemoryCase("VirtualTime", true), MemoryCase("RealTime", false));

INSTANTIATE_TEST_SUITE_P(Memory, TransportSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Memory, DisturbedSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Memory, PubSubSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Memory, StreamsSuite, kCases, CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
