// What the tests of the transports stand on works itself.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "testing/child_process.hpp"
#include "testing/fault_proxy.hpp"
#include "testing/free_port.hpp"
#include "testing/redis_server.hpp"

namespace tidings::messaging::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
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

TEST(ChildProcess, WritesToAFileAndTellsHowItEnded) {
  const TempFolder folder;
  ChildProcess child({"sh", "-c", "echo out; echo $WORD >&2; exit 7"}, folder.File("log"), {"WORD=set"});
  EXPECT_EQ(child.WaitFor(10s), 7);
  std::ifstream log(folder.File("log"));
  EXPECT_EQ(std::string(std::istreambuf_iterator(log), {}), "out\nset\n");
}

TEST(ChildProcess, IsKilledPausedAndResumed) {
  ChildProcess child({"sleep", "60"});
  EXPECT_EQ(child.WaitFor(0ms), std::nullopt);
  child.Pause();
  EXPECT_TRUE(child.running());
  child.Resume();
  child.Kill();
  EXPECT_EQ(child.ended(), 128 + 9);
  child.Kill();
}

TEST(ChildProcess, DiesWithItsParent) {
  const TempFolder folder;
  const pid_t middle = fork();
  if (middle == 0) {
    auto* child = new ChildProcess({"sleep", "60"});
    std::ofstream(folder.File("pid")) << child->pid() << std::flush;
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(middle, &status, 0);
  pid_t grandchild = 0;
  std::ifstream(folder.File("pid")) >> grandchild;
  ASSERT_GT(grandchild, 0);
  const std::string stat = "/proc/" + std::to_string(grandchild) + "/stat";
  // It may stay as a zombie where nobody reaps orphans.
  const auto gone = [&] {
    std::string text;
    std::getline(std::ifstream(stat), text);
    return text.empty() || text.contains(") Z ");
  };
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!gone() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(2ms);
  EXPECT_TRUE(gone());
}

TEST(ChildProcess, SaysWhatIsMissing) { EXPECT_THROW(ChildProcess({"no-such-program"}), std::runtime_error); }

TEST(FreePort, AreAllDifferent) {
  std::vector<FreePort> ports(200);
  std::set<std::uint16_t> numbers;
  for (const FreePort& port : ports) numbers.insert(port.number());
  EXPECT_EQ(numbers.size(), 200U);
  EXPECT_LT(*numbers.rbegin(), 32'768);
}

TEST(RedisServer, KeepsWhatItAnsweredOverAKill) {
  RedisServer server(RedisServer::Durability::kAlways);
  EXPECT_EQ(server.Send({"SET", "key", "value"}), "+OK\r\n");
  server.Kill();
  server.Start();
  EXPECT_EQ(server.Send({"GET", "key"}), "$5\r\nvalue\r\n");
}

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
