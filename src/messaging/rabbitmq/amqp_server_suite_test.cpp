// The conformance suites of Transport over AMQP on both ends: our client, our server, and a broker in memory behind it.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include "../testing/fault_proxy.hpp"
#include "../testing/router_suite.hpp"
#include "../testing/transport_suite.hpp"
#include "testing/memory_door.hpp"

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;

class DoorEnvironment final : public TransportEnvironment {
 public:
  explicit DoorEnvironment(std::optional<Faults> faults) : faults_(faults) {
    if (!faults_) return;
    proxy_ = std::make_unique<FaultProxy>(door_.port());
    proxy_->Set(*faults_);
  }

  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override {
    RabbitOptions options(MemoryDoor::Url(proxy_ ? proxy_->port() : door_.port()));
    options.most_pause = 500ms;
    if (proxy_) options.heartbeat = 2;
    auto made = RabbitTransport::Make(std::move(executor), timers, ledger, std::move(options));
    if (!made) co_return std::unexpected(made.error());
    co_return std::move(*made);
  }
  void CutConnections() override { proxy_->Cut(); }
  void CutConnectionsAfter(std::uint64_t bytes) override { proxy_->CutAfter(bytes); }
  void Silence() override {
    Faults silent;
    if (silences_ % 3 != 1) silent.SwallowToClient();
    if (silences_ % 3 != 0) silent.SwallowToServer();
    ++silences_;
    connections_ = proxy_->connections();
    proxy_->Set(silent);
  }
  bool noticed() override { return proxy_->connections() > connections_; }
  void EndSilence() override {
    proxy_->Set(*faults_);
    proxy_->Cut();
  }

 private:
  MemoryDoor door_;
  const std::optional<Faults> faults_;
  std::unique_ptr<FaultProxy> proxy_;
  int silences_ = 0;
  std::uint64_t connections_ = 0;
};

Case DoorCase(const std::string& name, std::optional<Faults> faults = std::nullopt) {
  Features features;
  features.reopens = true;
  features.several = true;
  features.cuts = faults.has_value();
  features.silences = faults.has_value();
  features.slow = faults.has_value();
  features.sees_expiry = false;  // the server's ledger is where it is counted
  features.sees_held = false;
  features.unit = 100ms;
  return Case(name, features, [faults] { return std::make_unique<DoorEnvironment>(faults); });
}

const auto kCases = ::testing::Values(DoorCase("Straight"), DoorCase("OneByte", Faults().OneByteWrites()));
const auto kDisturbed = ::testing::Values(DoorCase("Straight"), DoorCase("Proxy", Faults()));

INSTANTIATE_TEST_SUITE_P(AmqpServer, TransportSuite, kCases, CaseName);
INSTANTIATE_TEST_SUITE_P(AmqpServer, DisturbedSuite, kDisturbed, CaseName);
INSTANTIATE_TEST_SUITE_P(AmqpServer, RouterSuite, ::testing::Values(DoorCase("Straight")), CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
