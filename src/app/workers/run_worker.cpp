#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <exception>

#include <tidings/app/worker.hpp>
#include <tidings/base/log.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/loss_report.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>
#include <tidings/messaging/signal.hpp>

namespace tidings::app {
namespace {

using messaging::Task;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kMostPause = 5s;

// One process's worker.
class Running {
 public:
  Running(Worker& worker, messaging::RabbitTransport& transport, messaging::Timers& timers, std::ostream& out,
          std::chrono::milliseconds stop_within)
      : worker_(worker),
        transport_(transport),
        timers_(timers),
        out_(out),
        stop_within_(stop_within),
        stop_(transport.executor()) {}

  void Stop() {
    stopping_ = true;
    stop_.NotifyAll();
  }

  Task<void> Run() {
    std::chrono::milliseconds pause = 100ms;
    while (!stopping_) {
      const Status started = co_await worker_.Start(transport_, timers_);
      if (started) {
        out_ << "tidings: worker " << worker_.name() << " works\n" << std::flush;
        while (!stopping_) co_await stop_.Wait();
        break;
      }
      if (started.error().code() == ErrorCode::kInvalid) {
        status = started;
        break;
      }
      log::Warning("worker_waits", {{"worker", worker_.name()}, {"reason", started.error().message()}});
      co_await stop_.WaitFor(timers_, pause);
      pause = std::min(pause * 2, kMostPause);
    }
    co_await worker_.Stop(stop_within_);
    co_await transport_.Close();
  }

  Status status;

 private:
  Worker& worker_;
  messaging::RabbitTransport& transport_;
  messaging::Timers& timers_;
  std::ostream& out_;
  const std::chrono::milliseconds stop_within_;
  messaging::Signal stop_;
  bool stopping_ = false;
};

}  // namespace

Status RunWorker(std::string_view name, const Config& config, std::ostream& out) {
  if (config.amqp.url.empty()) {
    return Fail(ErrorCode::kInvalid,
                "worker " + std::string(name) + " needs --amqp URL, the RabbitMQ that the server publishes to");
  }
  if (Status fits = CheckWorkerFolder(name, config); !fits) return fits;
  log::SetLevel(config.log.level);
  auto worker = Worker::Make(name, config);
  if (!worker) return std::unexpected(worker.error());
  std::signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context context{1};
  messaging::SystemTimers timers(context.get_executor());
  messaging::LossLedger ledger;
  messaging::RabbitOptions options(config.amqp.url);
  options.name = "tidings worker " + std::string(name);
  auto transport = messaging::RabbitTransport::Make(context.get_executor(), timers, ledger, std::move(options));
  if (!transport) return std::unexpected(transport.error().Within("amqp.url"));
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  Running running(**worker, **transport, timers, out, config.shutdown_timeout);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) running.Stop();
  });
  std::exception_ptr thrown;
  boost::asio::co_spawn(context, running.Run(), [&](const std::exception_ptr& ended) {
    thrown = ended;
    signals.cancel();
    context.stop();
  });
  context.run();
  messaging::LogLosses(ledger, "worker " + std::string(name));
  if (thrown) std::rethrow_exception(thrown);
  return running.status;
}

}  // namespace tidings::app
