// RabbitEnvironment: the shared RabbitMQ for the conformance suites, behind a proxy where that is asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>
#include <tidings/messaging/servers/rabbit_server.hpp>

#include "../../testing/fault_proxy.hpp"
#include "../../testing/transport_case.hpp"

namespace tidings::messaging::testing {

using servers::RabbitServer;
using servers::SharedRabbit;

class RabbitEnvironment final : public TransportEnvironment {
 public:
  // With `faults`, all bytes go through a proxy that does these to them.
  explicit RabbitEnvironment(std::optional<Faults> faults = std::nullopt);

  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override;
  void KillServer() override { SharedRabbit().Kill(); }
  void StartServer() override {
    SharedRabbit().Start();
    restarted_ = true;
  }
  void PauseServer() override { SharedRabbit().Pause(); }
  void ResumeServer() override { SharedRabbit().Resume(); }
  void CutConnections() override;
  void CutConnectionsAfter(std::uint64_t bytes) override;
  void Silence() override;
  bool noticed() override;
  void EndSilence() override;
  // After a start RabbitMQ 3.10.8 writes what it recovered into segments. Queues that were deleted meanwhile were seen to end
  // in INTERNAL_ERROR for all others, for seconds.
  bool leaves_queues() const override { return restarted_; }
  // A message with a header whose name is none.
  bool PutGarbage(const std::string& queue, const std::string& bytes) override;

 private:
  std::optional<Faults> faults_;
  std::unique_ptr<FaultProxy> proxy_;
  bool restarted_ = false;
  int silences_ = 0;
  std::uint64_t connections_ = 0;  // when it fell silent
};

// Straight to the server, or through a proxy.
Case RabbitStraight();
enum class Pace { kQuick, kSlow };
Case RabbitThrough(const std::string& name, const Faults& faults, Pace pace);

}  // namespace tidings::messaging::testing
