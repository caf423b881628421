// RedisEnvironment: a redis-server of its own for the conformance suites, behind a proxy where that is asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <tidings/messaging/redis/redis_transport.hpp>
#include <tidings/messaging/servers/redis_server.hpp>

#include "../../testing/fault_proxy.hpp"
#include "../../testing/transport_case.hpp"

namespace tidings::redis::testing {

using messaging::servers::RedisServer;
using messaging::testing::FaultProxy;
using messaging::testing::Faults;

class RedisEnvironment final : public messaging::testing::TransportEnvironment {
 public:
  // With `faults`, all bytes go through a proxy that does these to them.
  explicit RedisEnvironment(std::optional<Faults> faults = std::nullopt)
      : server_(RedisServer::Durability::kAlways), faults_(faults) {
    if (!faults_) return;
    proxy_ = std::make_unique<FaultProxy>(server_.port());
    proxy_->Set(*faults_);
  }

  messaging::Task<Result<std::unique_ptr<messaging::Transport>>> Open(messaging::Executor executor,
                                                                      messaging::Timers& timers,
                                                                      messaging::LossLedger& ledger) override {
    RedisUrl url;
    url.port = proxy_ ? proxy_->port() : server_.port();
    RedisOptions options(url, &ledger);
    // So that the tests of broken connections need not wait long.
    options.answer_timeout = std::chrono::milliseconds(1'500);
    co_return std::make_unique<RedisTransport>(std::move(executor), timers, std::move(options));
  }
  void KillServer() override { server_.Kill(); }
  void StartServer() override { server_.Start(); }
  void PauseServer() override { server_.Pause(); }
  void ResumeServer() override { server_.Resume(); }
  void CutConnections() override {
    if (proxy_) proxy_->Cut();
  }
  void CutConnectionsAfter(std::uint64_t bytes) override {
    if (proxy_) proxy_->CutAfter(bytes);
  }
  // One way, the other, both.
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
  // As the script of a publish leaves it, with a text that is none of ours.
  bool PutGarbage(const std::string& queue, const std::string& bytes) override {
    const std::string base = "{tidings}:queue:" + queue + ":";
    server_.Send({"HSET", base + "messages", "garbage", bytes});
    server_.Send({"LPUSH", base + "ready", "garbage:0:0:0:0:0"});
    return true;
  }
  RedisServer& server() { return server_; }
  FaultProxy& proxy() { return *proxy_; }

 private:
  RedisServer server_;
  std::optional<Faults> faults_;
  std::unique_ptr<FaultProxy> proxy_;
  int silences_ = 0;
  std::uint64_t connections_ = 0;  // when it fell silent
};

inline messaging::testing::Case RedisCase(const std::string& name, std::optional<Faults> faults,
                                          std::chrono::milliseconds unit) {
  messaging::testing::Features features;
  features.reopens = true;
  features.several = true;
  features.server = true;
  features.cuts = faults.has_value();
  features.silences = faults.has_value();
  features.slow = faults.has_value();
  features.unit = unit;
  return messaging::testing::Case(name, features, [faults] { return std::make_unique<RedisEnvironment>(faults); });
}

}  // namespace tidings::redis::testing
