// A Socket.IO server whose handlers remember, and clients in it, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/realtime/socket_server.hpp>

#include "fake_link.hpp"

namespace tidings::realtime {

class SocketTest : public ::testing::Test {
 protected:
  explicit SocketTest(SocketOptions options = Options()) : server(std::move(options), clock) {
    for (const char* name : {"/", "/custom"}) {
      server.Of(name)
          .OnConnection([this](Socket& socket, const Handshake&) { last = SocketRef(socket); })
          .On("message", [](Socket& socket, Args args, AckSender) { socket.Emit("message-back", args); })
          .On("message-with-ack", [](Socket&, Args args, AckSender ack) { ack(args); })
          .OnDrained([this](Socket&) { ++drained; })
          .OnDisconnect([this](Socket&, CloseReason reason) { reasons.emplace_back(Text(reason)); });
    }
  }
  // What a test hung in may refer to its locals.
  void TearDown() override {
    for (const char* name : {"/", "/custom"}) server.Of(name).OnDisconnect(nullptr).OnDrained(nullptr);
  }
  static SocketOptions Options() {
    SocketOptions options;
    options.engine.max_payload = 10'000;
    options.connect_timeout = 1'000;
    options.connect_gap = 0;
    options.attachment_timeout = 2'000;
    return options;
  }

  Namespace& root() { return server.Of("/"); }
  // A client in "/".
  std::unique_ptr<FakeSocketClient> Connect(std::string_view packet = "40") {
    auto client = std::make_unique<FakeSocketClient>(server);
    client->Send(packet);
    client->Take();
    return client;
  }
  void Advance(Millis by) {
    for (; by > 0; by -= 10) {
      clock.Advance(std::chrono::milliseconds(by < 10 ? by : 10));
      server.OnTick(clock.Steady());
    }
  }

  FakeClock clock;
  SocketServer server;
  SocketRef last;  // that connected
  std::vector<std::string> reasons;
  int drained = 0;
};

}  // namespace tidings::realtime
