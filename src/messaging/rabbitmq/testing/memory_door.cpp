#include "memory_door.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <stdexcept>
#include <utility>

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;

constexpr char kPassword[] = "a password for tests";

}  // namespace

MemoryDoor::MemoryDoor(AmqpServerOptions options)
    : timers_(context_.get_executor()), broker_(std::make_shared<MemoryBroker>(timers_, &ledger_)) {
  options.port = 0;
  options.password = kPassword;
  options.version = "test";
  server_ = std::make_unique<AmqpServer>(
      context_.get_executor(), timers_,
      [this] { return std::make_unique<MemoryTransport>(context_.get_executor(), broker_); }, std::move(options));
  if (Status listening = server_->Listen(); !listening) throw std::runtime_error(listening.error().message());
  server_->Start();
  thread_ = std::thread([this] { context_.run(); });
}

MemoryDoor::~MemoryDoor() {
  boost::asio::co_spawn(context_, [this]() -> Task<void> { co_await server_->Stop(10s); }, boost::asio::detached);
  thread_.join();
}

std::string MemoryDoor::Url(std::uint16_t port) {
  return "amqp://tidings:a%20password%20for%20tests@127.0.0.1:" + std::to_string(port);
}

}  // namespace tidings::messaging::testing
