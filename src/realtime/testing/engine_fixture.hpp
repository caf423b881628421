// A bare Engine.IO server that sends everything back and remembers, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include <tidings/realtime/engine_server.hpp>

#include "fake_link.hpp"

namespace tidings::realtime {

class EngineTest : public ::testing::Test, protected EngineHandler {
 protected:
  static EngineOptions Options() {
    EngineOptions options;
    options.ping_interval = 300;
    options.ping_timeout = 200;
    options.max_payload = 1'000;
    options.max_pending = 10'000;
    options.cors.origins = {"https://app.example"};
    return options;
  }

  void OnOpened(EngineSession& session, std::shared_ptr<const HttpRequest> request) override {
    last = &session;
    address = request->remote_address;
  }
  void OnMessage(EngineSession& session, std::string_view message, bool binary) override {
    if (message == "close") return session.Close();
    if (message == "throw") throw std::runtime_error("on purpose");
    session.Send(binary ? Frame::Binary(message) : Frame::Text("4" + std::string(message)));
  }
  void OnDrained(EngineSession&) override { ++drained; }
  void OnClosed(EngineSession& session, CloseReason reason) override {
    EXPECT_FALSE(session.open());
    reasons.emplace_back(Text(reason));
  }

  // Moves the clock in small steps, as a loop would.
  void Advance(Millis by) {
    for (; by > 0; by -= 5) {
      clock.Advance(std::chrono::milliseconds(by < 5 ? by : 5));
      server.OnTick(clock.Steady());
    }
  }
  // Whether the session is still known.
  bool Known(const FakePollingClient& client) {
    return Ask(server, MakeRequest("GET", {{"EIO", "4"}, {"transport", "websocket"}, {"sid", client.sid}}))
               ->body()
               .find("\"code\":3") != std::string::npos;
  }

  FakeClock clock;
  EngineServer server{Options(), clock, *this};
  EngineSession* last = nullptr;
  std::string address;
  std::vector<std::string> reasons;
  int drained = 0;
};

}  // namespace tidings::realtime
