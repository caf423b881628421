// What starts servers for tests and proofs works itself.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <tidings/messaging/servers/child_process.hpp>
#include <tidings/messaging/servers/free_port.hpp>
#include <tidings/messaging/servers/redis_server.hpp>
#include <tidings/testing/temp_folder.hpp>

namespace tidings::messaging::servers {
namespace {

using namespace std::chrono_literals;

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

}  // namespace
}  // namespace tidings::messaging::servers
