// Two loops: a connection moves to the loop that owns its request.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "testing/frames.hpp"
#include "testing/server_fixture.hpp"

namespace tidings::net {
namespace {

class HandoverTest : public ServerTest {
 protected:
  // A second loop on a thread of its own.
  void StartSecond() {
    std::promise<HttpServer*> made;
    thread_ = std::thread([this, &made] {
      EventLoop loop(system_clock_);
      HttpServer server(loop);
      server.Route("/", second_handler_);
      made.set_value(&server);
      second_loop_ = &loop;
      loop.Run();
    });
    second_ = made.get_future().get();
  }
  void TearDown() override {
    second_->loop().Stop();
    thread_.join();
  }
  SystemClock system_clock_;
  FakeHandler second_handler_;
  HttpServer* second_ = nullptr;
  EventLoop* second_loop_ = nullptr;
  std::thread thread_;
};

TEST_F(HandoverTest, MovesRequestsAndWebSockets) {
  StartSecond();
  Start();
  server_->SetResolver([&](const realtime::HttpRequest& request) {
    return request.path == "/second" || request.path == "/ws" ? second_ : nullptr;
  });
  Client client = Connect();
  client.Send(kGet);
  EXPECT_EQ(client.Status(), 200);
  client.Send("GET /second HTTP/1.1\r\nHost: x\r\n\r\nGET /more HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Status(), 200);
  EXPECT_EQ(client.Status(), 200);
  Client socket = Connect();
  Upgrade(socket);
  socket.Send(ClientFrame("hello"));
  EXPECT_EQ(socket.Bytes(7), "\x81\x05hello");
  EXPECT_EQ(stats().handed_over, 2u);
  EXPECT_EQ(stats().connections_open, 0u);
  EXPECT_EQ(second_->stats().connections_open, 2u);
  EXPECT_EQ(handler_.requests.size(), 1u);
}

}  // namespace
}  // namespace tidings::net
