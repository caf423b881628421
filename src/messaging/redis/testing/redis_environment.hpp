// RedisEnvironment: a redis-server of its own for the conformance suites, behind a proxy where that is asked for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <tidings/messaging/redis/redis_transport.hpp>

#include "../../testing/fault_proxy.hpp"
#include "../../testing/redis_server.hpp"
#include "../../testing/transport_case.hpp"

namespace tidings::redis::testing {

using messaging::testing::FaultProxy;
using messaging::testing::Faults;
using messaging::testing::RedisServer;

class RedisEnvironment final : public messaging::testing::TransportEnvironment {
 public:
  // With `faults`, all bytes go through a proxy that does these to them.
  explicit RedisEnvironment(std::optional<Faults> faults = std::nullopt) : server_(RedisServer::Durability::kAlways) {
    if (!faults) return;
    proxy_ = std::make_unique<FaultProxy>(server_.port());
    proxy_->Set(*faults);
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
  // As the script of a publish leaves it, with a text that is none of ours.
  bool PutGarbage(const std::string& queue, const std::string& bytes) override {
    const std::string base = "{tidings}:queue:" + queue + ":";
    server_.Send({"HSET", base + "messages", "garbage", bytes});
    server_.Send({"LPUSH", base + "ready", "garbage:0:0:0:0"});
    return true;
  }
  RedisServer& server() { return server_; }
  FaultProxy& proxy() { return *proxy_; }

 private:
  RedisServer server_;
  std::unique_ptr<FaultProxy> proxy_;
};

}  // namespace tidings::redis::testing
