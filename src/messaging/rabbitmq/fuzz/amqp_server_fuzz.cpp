// What a client sends to the server, logged in and in two reads: it ends in an answer, never in a crash or a hang.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/base/log.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/memory_transport.hpp>

#include "server_session.hpp"

namespace {

using namespace std::chrono_literals;
using namespace tidings::messaging;
using namespace tidings::messaging::rabbitmq;

constexpr char kPassword[] = "password";
// Far more than anything here waits for.
constexpr auto kDeadline = 20s;

class Host final : public SessionHost {
 public:
  void OnOutput() override {}
  void Drain(ServerSession& session) {
    if (session.unsent() == 0) return;
    std::string_view rest;
    const std::string sent = session.TakeOutput();
    rest = sent;
    if (rest.starts_with(kProtocolHeader)) rest.remove_prefix(kProtocolHeader.size());
    // What the server says is AMQP, whatever it was told.
    Frame frame;
    while (!rest.empty()) {
      if (TakeFrame(rest, kMostFrameMax, frame) != FrameStep::kFrame) std::abort();
    }
    session.OnWritten();
  }
};

std::string Login() {
  std::string bytes(kProtocolHeader);
  AppendStartOk(bytes, "tidings", kPassword, "fuzz");
  Tuning tuning;
  tuning.channel_max = 8;
  tuning.frame_max = kLeastFrameMax;
  AppendTuneOk(bytes, tuning);
  AppendConnectionOpen(bytes, "/");
  AppendChannelOpen(bytes, 1);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tidings::log::SetLevel(tidings::log::Level::kOff);
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);  // NOLINT: bytes are bytes
  const bool logged_in = (data[0] & 1) == 0;

  boost::asio::io_context context(1);
  // It goes on when there is nothing to do for a moment.
  const auto work = boost::asio::make_work_guard(context);
  SystemTimers timers(context.get_executor());
  LossLedger ledger;
  const auto broker = std::make_shared<MemoryBroker>(timers, &ledger);
  AmqpServerOptions options;
  options.password = kPassword;
  const auto state = std::make_shared<ServerState>(
      context.get_executor(), timers, [&] { return std::make_unique<MemoryTransport>(context.get_executor(), broker); },
      std::move(options));
  Host host;
  const auto session = std::make_shared<ServerSession>(state, host, "fuzz");
  session->Start();
  const auto receive = [&](std::string_view bytes) {
    session->Receive(bytes);
    context.poll();
    host.Drain(*session);
  };
  if (logged_in) receive(Login());
  const std::size_t cut = input.empty() ? 0 : data[0] % input.size();
  receive(input.substr(0, cut));
  receive(input.substr(cut));

  bool ended = false;
  boost::asio::co_spawn(context, session->End(), [&](const std::exception_ptr& failure) {
    if (failure) std::abort();
    ended = true;
  });
  const auto until = std::chrono::steady_clock::now() + kDeadline;
  while (!ended && std::chrono::steady_clock::now() < until) context.run_one_for(1s);
  if (!ended) std::abort();
  context.poll();
  return 0;
}
