// The conformance suite over a real server: straight, with its connections cut, and through a proxy that delays or that
// hands on single bytes.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include "../testing/fault_proxy.hpp"
#include "../testing/rabbit_server.hpp"
#include "../testing/task_runner.hpp"
#include "../testing/transport_suite.hpp"
#include "connection.hpp"
#include "properties.hpp"

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;
namespace amqp = rabbitmq;

// A message with a header whose name is none, confirmed.
Task<bool> PublishGarbage(Executor executor, Timers& timers, std::string queue, std::string bytes) {
  amqp::ConnectionOptions options;
  const auto url = amqp::ParseUrl(SharedRabbit().url());
  const auto connection = co_await amqp::Connection::Open(executor, timers, *url, options);
  if (!connection) co_return false;
  auto channel = co_await (*connection)->OpenChannel(nullptr);
  if (!channel) co_return false;
  std::string& out = (*channel)->out();
  const std::uint16_t number = (*channel)->number();
  amqp::AppendPublish(out, number, "", queue, false);
  const std::size_t begin = amqp::BeginFrame(out, amqp::FrameType::kHeader, number);
  amqp::Writer writer(out);
  writer.U16(60);
  writer.U16(0);
  writer.U64(bytes.size());
  amqp::Properties properties;
  properties.Set(amqp::Properties::kHeaders, &amqp::Properties::headers,
                 std::string_view("\x03"
                                  "a bV",
                                  5));
  amqp::AppendProperties(out, properties);
  amqp::EndFrame(out, begin);
  amqp::AppendBody(out, number, bytes, 4096);
  // Its answer comes after the message was routed.
  amqp::AppendGet(out, number, "amq.missing");
  std::ignore = co_await (*channel)->Expect(amqp::Method::kBasicGetOk, amqp::Method::kBasicGetEmpty);
  co_await (*connection)->Close();
  co_return true;
}

class RabbitEnvironment final : public TransportEnvironment {
 public:
  explicit RabbitEnvironment(const Faults* faults) {
    SharedRabbit();
    if (faults != nullptr) {
      proxy_ = std::make_unique<FaultProxy>(SharedRabbit().port());
      proxy_->Set(*faults);
    }
  }

  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override {
    RabbitOptions options(RabbitServer::Url(proxy_ ? proxy_->port() : SharedRabbit().port()));
    options.most_pause = 500ms;
    auto made = RabbitTransport::Make(std::move(executor), timers, ledger, std::move(options));
    if (!made) co_return std::unexpected(made.error());
    co_return std::move(*made);
  }
  void KillServer() override { SharedRabbit().Kill(); }
  void StartServer() override { SharedRabbit().Start(); }
  void PauseServer() override { SharedRabbit().Pause(); }
  void ResumeServer() override { SharedRabbit().Resume(); }
  void CutConnections() override {
    if (proxy_) proxy_->Cut();
  }
  bool PutGarbage(const std::string& queue, const std::string& bytes) override {
    TaskRunner runner;
    SystemTimers timers(runner.executor());
    return runner.Run(PublishGarbage(runner.executor(), timers, queue, bytes));
  }

 private:
  std::unique_ptr<FaultProxy> proxy_;
};

Features RabbitFeatures() {
  Features features;
  features.reopens = true;
  features.several = true;
  features.server = true;
  features.sees_expiry = false;  // the broker drops, and tells nobody
  features.unit = 100ms;
  return features;
}

Case Straight() {
  return Case("Straight", RabbitFeatures(), [] { return std::make_unique<RabbitEnvironment>(nullptr); });
}
Case Through(const std::string& name, const Faults& faults) {
  Features features = RabbitFeatures();
  features.cuts = true;
  features.server = false;
  return Case(name, features, [faults] { return std::make_unique<RabbitEnvironment>(&faults); });
}

INSTANTIATE_TEST_SUITE_P(Rabbit, TransportSuite, ::testing::Values(Straight()), CaseName);
INSTANTIATE_TEST_SUITE_P(Rabbit, DisturbedSuite,
                         ::testing::Values(Straight(), Through("Proxy", Faults()),
                                           Through("Delayed", Faults().Delay(20ms)),
                                           Through("OneByte", Faults().OneByteWrites())),
                         CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
