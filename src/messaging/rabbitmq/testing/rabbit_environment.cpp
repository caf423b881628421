#include "rabbit_environment.hpp"

#include <string_view>
#include <tuple>

#include "../../testing/task_runner.hpp"
#include "connection.hpp"
#include "properties.hpp"

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;
namespace amqp = rabbitmq;

// Confirmed by the answer to a call that comes after it.
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
  amqp::AppendGet(out, number, "amq.missing");
  std::ignore = co_await (*channel)->Expect(amqp::Method::kBasicGetOk, amqp::Method::kBasicGetEmpty);
  co_await (*connection)->Close();
  co_return true;
}

Features RabbitFeatures() {
  Features features;
  features.reopens = true;
  features.several = true;
  features.server = true;
  features.sees_expiry = false;     // the broker drops, and tells nobody
  features.sees_held = false;       // nor what is handed out
  features.orders_headers = false;  // the broker sorts them where it adds its own
  features.succession = false;      // it hands out what is fresh first
  features.unit = 100ms;
  return features;
}

}  // namespace

RabbitEnvironment::RabbitEnvironment(std::optional<Faults> faults) : faults_(faults) {
  SharedRabbit();
  if (!faults_) return;
  proxy_ = std::make_unique<FaultProxy>(SharedRabbit().port());
  proxy_->Set(*faults_);
}

Task<Result<std::unique_ptr<Transport>>> RabbitEnvironment::Open(Executor executor, Timers& timers,
                                                                 LossLedger& ledger) {
  RabbitOptions options(RabbitServer::Url(proxy_ ? proxy_->port() : SharedRabbit().port()));
  options.most_pause = 500ms;
  // So that the tests of silent connections need not wait long.
  if (proxy_) options.heartbeat = 2;
  auto made = RabbitTransport::Make(std::move(executor), timers, ledger, std::move(options));
  if (!made) co_return std::unexpected(made.error());
  co_return std::move(*made);
}

void RabbitEnvironment::CutConnections() {
  if (proxy_) proxy_->Cut();
}

void RabbitEnvironment::CutConnectionsAfter(std::uint64_t bytes) {
  if (proxy_) proxy_->CutAfter(bytes);
}

// One way, the other, both.
void RabbitEnvironment::Silence() {
  Faults silent;
  if (silences_ % 3 != 1) silent.SwallowToClient();
  if (silences_ % 3 != 0) silent.SwallowToServer();
  ++silences_;
  connections_ = proxy_->connections();
  proxy_->Set(silent);
}

bool RabbitEnvironment::noticed() { return proxy_->connections() > connections_; }

void RabbitEnvironment::EndSilence() {
  proxy_->Set(*faults_);
  proxy_->Cut();
}

bool RabbitEnvironment::PutGarbage(const std::string& queue, const std::string& bytes) {
  TaskRunner runner;
  SystemTimers timers(runner.executor());
  return runner.Run(PublishGarbage(runner.executor(), timers, queue, bytes));
}

Case RabbitStraight() {
  return Case("Straight", RabbitFeatures(), [] { return std::make_unique<RabbitEnvironment>(); });
}

Case RabbitThrough(const std::string& name, const Faults& faults, Pace pace) {
  Features features = RabbitFeatures();
  features.slow = pace == Pace::kSlow;
  features.cuts = true;
  features.silences = true;
  return Case(name, features, [faults] { return std::make_unique<RabbitEnvironment>(faults); });
}

}  // namespace tidings::messaging::testing
