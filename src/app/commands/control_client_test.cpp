// Commands and a server that does not answer them.
#include "control_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr std::int64_t kPid = 4711;

// Listens at the port that a control file names.
class ControlClientTest : public ::testing::Test {
 protected:
  ControlClientTest() : listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listening_, 4), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_TRUE(WriteControlFile(folder_.path(), {ntohs(address.sin_port), kPid}));
  }
  ~ControlClientTest() override { close(listening_); }

  void ExpectNoAnswer() const {
    const auto began = steady_clock::now();
    const auto found = ControlClient::Find(folder_.path(), milliseconds(400));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), ErrorCode::kTimeout);
    EXPECT_EQ(found.error().message(),
              "a server (pid 4711) holds " + folder_.path() + " and does not answer; see what keeps it, or stop it");
    EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(20)) << "one bound for all";
  }

  TempFolder folder_;
  int listening_;
};

TEST_F(ControlClientTest, SaysThatAServerDoesNotAnswer) { ExpectNoAnswer(); }

TEST_F(ControlClientTest, IsNotKeptByAnAnswerThatNeverEnds) {
  std::atomic<bool> going = true;
  std::thread server([&] {
    const int peer = accept(listening_, nullptr, nullptr);
    while (going && send(peer, "x", 1, MSG_NOSIGNAL) == 1) std::this_thread::sleep_for(milliseconds(20));
    close(peer);
  });
  ExpectNoAnswer();
  going = false;
  server.join();
}

}  // namespace
}  // namespace tidings::app
