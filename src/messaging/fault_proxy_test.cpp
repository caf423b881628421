// The proxy that the tests of the transports stand on works itself.
#include "testing/fault_proxy.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include <tidings/messaging/servers/redis_server.hpp>

namespace tidings::messaging::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using servers::RedisServer;
using namespace std::chrono_literals;

// A blocking client of `port`.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(context_) {
    socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port), error);
  }
  std::string Ping() {
    asio::write(socket_, asio::buffer(std::string("PING\r\n")), error);
    std::array<char, 7> answer{};
    const std::size_t size = asio::read(socket_, asio::buffer(answer), error);
    return std::string(answer.data(), size);
  }
  bool HearsNothingFor(std::chrono::milliseconds time) {
    asio::write(socket_, asio::buffer(std::string("PING\r\n")), error);
    std::this_thread::sleep_for(time);
    return socket_.available() == 0;
  }
  boost::system::error_code error;

 private:
  asio::io_context context_;
  tcp::socket socket_;
};

TEST(FaultProxy, PassesAndCounts) {
  RedisServer server;
  FaultProxy proxy(server.port());
  Client client(proxy.port());
  EXPECT_EQ(client.Ping(), "+PONG\r\n");
  // Counted once they are written: the answer may be here before that.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (proxy.bytes_to_client() < 7 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(proxy.bytes_to_server(), 6U);
  EXPECT_EQ(proxy.bytes_to_client(), 7U);
  EXPECT_EQ(proxy.connections(), 1U);
  EXPECT_EQ(proxy.open(), 1U);
}

TEST(FaultProxy, CutsAndServesWhoComesAfter) {
  RedisServer server;
  FaultProxy proxy(server.port());
  Client cut(proxy.port());
  EXPECT_EQ(cut.Ping(), "+PONG\r\n");
  proxy.Cut();
  EXPECT_EQ(cut.Ping(), "");
  EXPECT_TRUE(cut.error);
  Client next(proxy.port());
  EXPECT_EQ(next.Ping(), "+PONG\r\n");
  proxy.CutAfter(3);
  EXPECT_EQ(next.Ping(), "");
  EXPECT_EQ(proxy.bytes_to_server(), 15U) << "cut in the middle of a command";
}

TEST(FaultProxy, RefusesForAWhile) {
  RedisServer server;
  FaultProxy proxy(server.port());
  proxy.Refuse(true);
  Client refused(proxy.port());
  EXPECT_EQ(refused.error, asio::error::connection_refused);
  proxy.Refuse(false);
  Client served(proxy.port());
  EXPECT_EQ(served.Ping(), "+PONG\r\n");
}

TEST(FaultProxy, DelaysSplitsAndSwallows) {
  RedisServer server;
  FaultProxy proxy(server.port());
  Client client(proxy.port());
  proxy.Set(Faults().Delay(30ms).OneByteWrites());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client.Ping(), "+PONG\r\n");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 60ms);
  proxy.Set(Faults().Rate(100));
  EXPECT_EQ(client.Ping(), "+PONG\r\n");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 190ms);
  proxy.Set(Faults().SwallowToClient());
  EXPECT_TRUE(client.HearsNothingFor(50ms));
  EXPECT_EQ(proxy.open(), 1U) << "half open is open";
}

}  // namespace
}  // namespace tidings::messaging::testing
