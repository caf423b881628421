// Times, counts and who is trusted.
#include <gmock/gmock.h>

#include <sys/resource.h>

#include <tidings/base/log.hpp>

#include "testing/frames.hpp"
#include "testing/server_fixture.hpp"

namespace tidings::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;
using LimitsTest = ServerTest;

TEST_F(LimitsTest, CutsSilentConnections) {
  Start();
  Client client = Connect();
  client.Now();
  Pass(milliseconds(9'700));
  client.Now();
  EXPECT_EQ(stats().connections_open, 1u);
  Pass(milliseconds(600));
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(client.received(), "");
  EXPECT_EQ(stats().timed_out_request, 1u);
}

TEST_F(LimitsTest, CutsSlowHeadsHoweverTheyTrickle) {
  Start();
  Client client = Connect();
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 11; ++i) {
    client.Send("A: b\r\n");
    client.Now();
    Pass(seconds(1));
  }
  EXPECT_EQ(client.Status(), 408);
  EXPECT_TRUE(client.Ended());
}

TEST_F(LimitsTest, CutsSlowBodies) {
  Start();
  Client stuck = Connect();
  stuck.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx");
  Client trickling = Connect();
  trickling.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    Pass(seconds(4));
    trickling.Send("x");
  }
  EXPECT_EQ(stuck.Status(), 408);
  EXPECT_EQ(trickling.Status(), 408);
  EXPECT_TRUE(handler_.requests.empty());
}

TEST_F(LimitsTest, LetsBodiesGoOnThatMove) {
  Start();
  Client client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 160000\r\n\r\n");
  for (int i = 0; i < 16; ++i) {
    Pass(seconds(8));
    client.Send(std::string(10'000, 'x'));
  }
  EXPECT_EQ(client.Status(), 200);
}

TEST_F(LimitsTest, ClosesIdleConnectionsAndLeavesWaitingOnesAlone) {
  Start();
  Client idle = Connect();
  idle.Send(kGet);
  EXPECT_EQ(idle.Status(), 200);
  handler_.hold = true;
  Client waiting = Connect();
  waiting.Send(kGet);
  ASSERT_TRUE(waiting.Until([&] { return handler_.held.size() == 1; }));
  Pass(seconds(74));
  idle.Now();
  EXPECT_EQ(stats().connections_open, 2u);
  Pass(seconds(2));
  EXPECT_TRUE(idle.Ended());
  Pass(seconds(1'000));
  handler_.held[0]->Respond({200, "text/plain", "x"});
  EXPECT_EQ(waiting.Status(), 200);
}

TEST_F(LimitsTest, CutsPeersThatTakeNothingAndSayNothing) {
  Start({.stall_timeout = seconds(60)});
  Client client = Connect();
  Upgrade(client);
  const std::string big(8'000'000, 'x');
  handler_.link->Send(realtime::Frame::Binary(big));
  for (int i = 0; i < 8; ++i) loop_.Turn(milliseconds(0));
  EXPECT_GT(handler_.link->Pending(), 0u);
  Pass(seconds(50));
  client.Send(ClientFrame("", {.opcode = 10}));  // not silent
  for (int i = 0; i < 8; ++i) loop_.Turn(milliseconds(0));
  Pass(seconds(50));
  EXPECT_EQ(handler_.closed, 0);
  Pass(seconds(11));
  EXPECT_EQ(handler_.closed, 1);
  EXPECT_EQ(stats().timed_out_stalled, 1u);
}

TEST_F(LimitsTest, LimitsConnectionsByAddress) {
  Start({.max_connections_per_address = 2});
  auto first = std::make_unique<Client>(loop_, port_);
  Client second = Connect();
  Client third = Connect();
  EXPECT_THAT(third.Answer(), AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("Retry-After: 5")));
  EXPECT_TRUE(third.Ended());
  EXPECT_EQ(stats().refused_address, 1u);
  first.reset();
  ASSERT_TRUE(second.Until([&] { return stats().connections_open <= 2; }));
  third.Close();
  ASSERT_TRUE(second.Until([&] { return stats().connections_open == 1; }));
  Client fourth = Connect();
  fourth.Send(kGet);
  EXPECT_EQ(fourth.Status(), 200);
}

TEST_F(LimitsTest, LimitsConnectionsInAll) {
  Start({.max_connections = 1});
  Client first = Connect();
  first.Now();
  Client second = Connect();
  EXPECT_EQ(second.Status(), 503);
  EXPECT_TRUE(second.Ended());
  EXPECT_EQ(stats().refused_total, 1u);
}

TEST_F(LimitsTest, BoundsUnfinishedInputInAll) {
  Start({.max_input_held = 300'000});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(loop_, port_));
    Upgrade(*clients.back());
    clients.back()->Send(ClientHeader({}, 200'000) + std::string(100'000, 'x'));
    clients.back()->Now();
  }
  EXPECT_LE(stats().input_held, 300'000u);
  EXPECT_LT(stats().connections_open, 4u);
  EXPECT_GE(stats().connections_open, 2u);
}

TEST_F(LimitsTest, CutsThoseWhoStalledLongestWhenAnswersTakeTooMuch) {
  constexpr std::size_t kAnswer = 8u << 20;
  Start({.max_output_held = 3 * kAnswer});
  handler_.answer = [](const realtime::HttpRequest&) {
    return realtime::HttpAnswer(200, "text/plain", std::string(kAnswer, 'x'));
  };
  std::vector<std::unique_ptr<Client>> stuck;
  for (int i = 0; i < 8; ++i) {
    stuck.push_back(std::make_unique<Client>(loop_, port_));
    stuck.back()->Send(kGet);
    for (int turn = 0; turn < 8; ++turn) loop_.Turn(milliseconds(0));
    EXPECT_LE(stats().output_held, 3 * kAnswer + 1'000);
  }
  EXPECT_GE(stats().shed_stalled, 4u);
  Client reader = Connect();
  reader.Send(kGet);
  EXPECT_EQ(reader.Answer().size() / kAnswer, 1u);
  stuck.clear();
  reader.Now();
  EXPECT_EQ(stats().output_held, 0u);
}

TEST_F(LimitsTest, RestsWithoutFileDescriptors) {
  Start();
  log::SetLevel(log::Level::kOff);
  Client before = Connect();
  before.Now();
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  // The clients of a test are in the same process, so all are made first and then the limit is lowered.
  std::vector<std::unique_ptr<Client>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(std::make_unique<Client>(loop_, port_));
  const rlimit none{.rlim_cur = static_cast<rlim_t>(3), .rlim_max = old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  for (int i = 0; i < 50; ++i) loop_.Turn(milliseconds(0));
  before.Send(kGet);
  const int status = before.Status();
  setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(stats().refused_descriptors, 1u);  // it rested, and did not try in each turn
  EXPECT_EQ(stats().connections_open, 1u);
  Pass(milliseconds(200));
  for (auto& client : waiting) {
    client->Send(kGet);
    EXPECT_EQ(client->Status(), 200);
  }
  log::SetLevel(log::Level::kInfo);
}

TEST_F(LimitsTest, BelievesTrustedProxiesOnly) {
  Start({.trusted_proxies = {"127.0.0.0/8"}});
  Client client = Connect();
  client.Send(
      "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 203.0.113.7\r\n"
      "X-Forwarded-Proto: https\r\n\r\n");
  EXPECT_EQ(client.Status(), 200);
  EXPECT_EQ(handler_.requests.back().remote_address, "203.0.113.7");
  EXPECT_EQ(handler_.requests.back().address_group, "203.0.113.7");
  EXPECT_TRUE(handler_.requests.back().secure);
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 2001:db8:0:1:a::1\r\n\r\n");
  EXPECT_EQ(client.Status(), 200);
  EXPECT_EQ(handler_.requests.back().remote_address, "2001:db8:0:1:a::1");
  EXPECT_EQ(handler_.requests.back().address_group, "2001:db8:0:1::");

  Start();
  Client other = Connect();
  other.Send("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n\r\n");
  EXPECT_EQ(other.Status(), 200);
  EXPECT_EQ(handler_.requests.back().remote_address, "127.0.0.1");
  EXPECT_FALSE(handler_.requests.back().secure);
}

TEST_F(LimitsTest, ReadsTheProxyHeader) {
  Start({.max_connections_per_address = 1, .trusted_proxies = {"127.0.0.1"}}, {.proxy_protocol = true});
  Client client = Connect();
  const std::string bytes = "PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\r\n" + kGet;
  for (const char c : bytes) client.Send({&c, 1});
  EXPECT_EQ(client.Status(), 200);
  EXPECT_EQ(handler_.requests.back().remote_address, "203.0.113.7");

  Client same = Connect();
  same.Send("PROXY TCP4 203.0.113.7 192.0.2.2 56325 443\r\n" + kGet);
  EXPECT_EQ(same.Status(), 429);
  Client another = Connect();
  another.Send("PROXY TCP4 203.0.113.8 192.0.2.2 56325 443\r\n" + kGet);
  EXPECT_EQ(another.Status(), 200);

  Client bad = Connect();
  bad.Send(kGet);
  EXPECT_TRUE(bad.Ended());
  EXPECT_EQ(bad.received(), "");
  EXPECT_EQ(stats().refused_proxy, 1u);
}

TEST_F(LimitsTest, RefusesProxyHeadersOfStrangers) {
  Start({.trusted_proxies = {"10.0.0.0/8"}}, {.proxy_protocol = true});
  Client client = Connect();
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(stats().refused_proxy, 1u);
}

TEST_F(LimitsTest, SaysWhatIsWrongWithAListener) {
  Start();
  EXPECT_EQ(server_->Listen({.host = "127.0.0.1", .port = port_}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(server_->Listen({.host = "not a host"}).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(server_->Listen({.proxy_protocol = true}).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(server_->Listen({.tls = {"/nowhere", "/nowhere"}}).error().code(), ErrorCode::kInvalid);
  EXPECT_THROW(HttpServer(loop_, {.trusted_proxies = {"10.0.0.0/99"}}), std::invalid_argument);
}

TEST_F(LimitsTest, ServesBothFamiliesOnEveryAddress) {
  Start({}, {.host = "*"});
  Client client = Connect();
  client.Send(kGet);
  EXPECT_EQ(client.Status(), 200);
  EXPECT_EQ(handler_.requests.back().remote_address, "127.0.0.1");
}

}  // namespace
}  // namespace tidings::net
