#include <tidings/app/log_transport.hpp>
#include "../../messaging/testing/router_suite.hpp"
#include "../../messaging/testing/transport_suite.hpp"

#include "testing/chat_store.hpp"

namespace tidings::messaging::testing {
namespace {

using app::LogBroker;
using app::LogBrokerOptions;
using app::LogSources;
using app::LogTransport;

// Where nobody is left, the next one finds what was saved.
class LogEnvironment final : public TransportEnvironment {
 public:
  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override {
    if (broker_ && broker_->transports() == 0) {
      if (Status closed = co_await broker_->Close(); !closed) co_return std::unexpected(closed.error());
      broker_.reset();
    }
    if (!broker_) {
      broker_ = std::make_unique<LogBroker>(executor, timers, ledger,
                                            LogSources(store_.store(), store_.reads(), store_.engine()));
      if (Status opened = co_await broker_->Open(); !opened) co_return std::unexpected(opened.error());
    }
    co_return std::make_unique<LogTransport>(*broker_);
  }

 private:
  app::testing::ChatStore store_;
  std::unique_ptr<LogBroker> broker_;
};

Case LogCase(const std::string& name, bool virtual_time) {
  Features features;
  features.virtual_time = virtual_time;
  features.reopens = true;
  features.several = true;
  features.unit = std::chrono::milliseconds(virtual_time ? 1'000 : 60);
  return Case(name, features, [] { return std::make_unique<LogEnvironment>(); });
}

const auto kCases = ::testing::Values(LogCase("VirtualTime", true), LogCase("RealTime", false));

INSTANTIATE_TEST_SUITE_P(Embedded, TransportSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Embedded, DisturbedSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Embedded, RouterSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(Embedded, DisturbedRouter, kCases, CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
