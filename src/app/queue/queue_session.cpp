#include <tidings/app/queue_session.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <exception>
#include <filesystem>
#include <optional>

#include <tidings/app/log_transport.hpp>
#include <tidings/app/queue_message.hpp>
#include <tidings/messaging/loss_report.hpp>
#include <tidings/messaging/open/open_transport.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

namespace tidings::app {

using messaging::Task;
using messaging::Transport;

namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr const char* kSqliteFile = "messaging.db";

// The folder that is named, or that of the file in it.
std::filesystem::path FolderOf(std::string place) {
  if (place.starts_with("///")) place.erase(0, 2);
  std::filesystem::path folder(place);
  if (folder.filename() == kSqliteFile) folder = folder.parent_path();
  return folder.empty() ? std::filesystem::path(".") : folder;
}

// Runs a task to its end.
Status RunToEnd(boost::asio::io_context& context, Task<Status> task) {
  std::optional<Status> ended;
  std::exception_ptr thrown;
  boost::asio::co_spawn(context, std::move(task), [&](const std::exception_ptr& failure, Status status) {
    thrown = failure;
    ended = std::move(status);
  });
  while (!ended) {
    context.restart();
    if (context.run_one_for(std::chrono::milliseconds(200)) == 0) continue;
  }
  if (thrown) std::rethrow_exception(thrown);
  return *ended;
}

}  // namespace

Result<std::unique_ptr<Transport>> OpenTransport(const std::string& address, messaging::Executor executor,
                                                 messaging::Timers& timers, messaging::LossLedger& ledger, bool make) {
  if (address.starts_with(kSqlite)) {
    const std::filesystem::path folder = FolderOf(address.substr(kSqlite.size()));
    std::error_code failure;
    if (!make && !std::filesystem::exists(folder / kSqliteFile, failure)) {
      return Fail(ErrorCode::kNotFound, "there are no queues in " + folder.string());
    }
    return messaging::OpenTransport(std::move(executor), timers, ledger, std::string(kSqlite) + folder.string());
  }
  if (address.starts_with("amqp://") || address.starts_with("amqps://")) {
    messaging::RabbitOptions options(address);
    // As the relay publishes it.
    options.numbers.emplace_back(kSeqHeader);
    auto made = messaging::RabbitTransport::Make(std::move(executor), timers, ledger, std::move(options));
    if (!made) return std::unexpected(made.error());
    return std::move(*made);
  }
  return messaging::OpenTransport(std::move(executor), timers, ledger, address);
}

Status OnTransport(const std::string& address, const QueueWork& work, bool make, std::string_view teller) {
  boost::asio::io_context context(1);
  messaging::SystemTimers timers(context.get_executor());
  messaging::LossLedger ledger;
  auto transport = OpenTransport(address, context.get_executor(), timers, ledger, make);
  if (!transport) return std::unexpected(transport.error());
  const auto run = [&]() -> Task<Status> {
    Status done = co_await work(**transport, timers);
    co_await (*transport)->Close();
    co_return done;
  };
  Status done = RunToEnd(context, run());
  if (!teller.empty()) LogLosses(ledger, teller);
  return done;
}

Status OnEmbedded(const eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine,
                  const QueueWork& work) {
  boost::asio::io_context context(1);
  messaging::SystemTimers timers(context.get_executor());
  messaging::LossLedger ledger;
  LogBroker broker(context.get_executor(), timers, ledger, LogSources(store, reads, engine));
  const auto run = [&]() -> Task<Status> {
    Status done = co_await broker.Open();
    if (!done) co_return done;
    {
      LogTransport transport(broker);
      done = co_await work(transport, timers);
    }
    Status closed = co_await broker.Close();
    co_return done ? closed : done;
  };
  return RunToEnd(context, run());
}

namespace {

// Stops the bridge when somebody asks for it.
class StopOnSignal {
 public:
  StopOnSignal(boost::asio::io_context& context, Bridge& bridge) : signals_(context, SIGINT, SIGTERM) {
    signals_.async_wait([&bridge](const boost::system::error_code& cancelled, int) {
      if (!cancelled) bridge.Stop();
    });
  }

 private:
  boost::asio::signal_set signals_;
};

}  // namespace

Status BridgeTransports(const std::string& from, const std::string& to, BridgeOptions options, std::uint64_t& moved) {
  boost::asio::io_context context(1);
  messaging::SystemTimers timers(context.get_executor());
  messaging::LossLedger ledger;
  auto source = OpenTransport(from, context.get_executor(), timers, ledger, false);
  if (!source) return std::unexpected(source.error());
  auto target = OpenTransport(to, context.get_executor(), timers, ledger, true);
  if (!target) return std::unexpected(target.error());
  Bridge bridge(**source, **target, timers, std::move(options));
  const StopOnSignal stop(context, bridge);
  const auto run = [&]() -> Task<Status> {
    Status done = co_await bridge.Run();
    co_await (*source)->Close();
    co_await (*target)->Close();
    co_return done;
  };
  Status done = RunToEnd(context, run());
  LogLosses(ledger, "bridge");
  moved = bridge.moved();
  return done;
}

Status BridgeEmbedded(const eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine,
                      const std::string& to, std::uint64_t& moved) {
  boost::asio::io_context context(1);
  messaging::SystemTimers timers(context.get_executor());
  messaging::LossLedger ledger;
  auto target = OpenTransport(to, context.get_executor(), timers, ledger, true);
  if (!target) return std::unexpected(target.error());
  LogBroker broker(context.get_executor(), timers, ledger, LogSources(store, reads, engine));
  const auto run = [&]() -> Task<Status> {
    Status done = co_await broker.Open();
    if (!done) co_return done;
    const chat::Position head = store.Head();
    {
      LogTransport source(broker);
      BridgeOptions options;
      options.topology = broker.topology();
      Bridge bridge(source, **target, timers, std::move(options));
      const StopOnSignal stop(context, bridge);
      done = co_await bridge.Run();
      moved = bridge.moved();
      if (done && !bridge.stopped()) engine.KeepCheckpoint("relay", head);
    }
    Status closed = co_await broker.Close();
    co_await (*target)->Close();
    co_return done ? closed : done;
  };
  Status done = RunToEnd(context, run());
  LogLosses(ledger, "bridge");
  return done;
}

}  // namespace tidings::app
