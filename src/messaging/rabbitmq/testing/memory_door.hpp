// MemoryDoor: an AmqpServer over a broker in memory, on a thread of its own.
#pragma once

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/rabbitmq/amqp_server.hpp>
#include <tidings/messaging/timers.hpp>

namespace tidings::messaging::testing {

class MemoryDoor {
 public:
  // Throws if it cannot listen.
  explicit MemoryDoor(AmqpServerOptions options = AmqpServerOptions());
  // Says goodbye to whoever is connected.
  ~MemoryDoor();

  std::uint16_t port() const { return server_->port(); }
  std::string url() const { return Url(port()); }
  std::size_t connections() const { return server_->connections(); }
  static std::string Url(std::uint16_t port);

 private:
  boost::asio::io_context context_{1};
  SystemTimers timers_;
  LossLedger ledger_;
  std::shared_ptr<MemoryBroker> broker_;
  std::unique_ptr<AmqpServer> server_;
  std::thread thread_;
};

}  // namespace tidings::messaging::testing
