#include "testing/engine_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

using EngineHandshakeTest = EngineTest;

HttpRequest With(HttpRequest request, std::string name, std::string value) {
  request.headers.emplace_back(std::move(name), std::move(value));
  return request;
}

const Query kPolling{{"EIO", "4"}, {"transport", "polling"}};

TEST_F(EngineHandshakeTest, OpensBothTransports) {
  FakePollingClient polling(server);
  EXPECT_EQ(polling.opened->status(), 200);
  EXPECT_THAT(polling.opened->body(),
              MatchesRegex(R"re(0\{"sid":"[A-Za-z0-9_-]{20}","upgrades":\["websocket"\],"pingInterval":300,)re"
                           R"re("pingTimeout":200,"maxPayload":1000\})re"));
  EXPECT_EQ(polling.opened->answer->content_type, "text/plain; charset=UTF-8");
  EXPECT_EQ(polling.opened->Header("Cache-Control"), "no-store");
  EXPECT_EQ(address, "192.0.2.1");
  FakeSocketClient socket(server);
  EXPECT_THAT(socket.Take(), ElementsAre(HasSubstr(R"("upgrades":[],"pingInterval":300)")));
  EXPECT_TRUE(last->websocket());
  EXPECT_EQ(server.session_count(), 2u);
  EXPECT_EQ(server.websocket_count(), 1u);
}

TEST_F(EngineHandshakeTest, RefusesWithTheCodesOfItsModel) {
  const auto code = [&](std::string method, Query query) {
    const auto outcome = Ask(server, MakeRequest(std::move(method), std::move(query)));
    EXPECT_EQ(outcome->status(), 400);
    EXPECT_EQ(outcome->answer->content_type, "application/json");
    return outcome->body();
  };
  constexpr const char* kTransport = R"({"code":0,"message":"Transport unknown"})";
  constexpr const char* kSession = R"({"code":1,"message":"Session ID unknown"})";
  constexpr const char* kMethod = R"({"code":2,"message":"Bad handshake method"})";
  constexpr const char* kRequest = R"({"code":3,"message":"Bad request"})";
  constexpr const char* kVersion = R"({"code":5,"message":"Unsupported protocol version"})";
  EXPECT_EQ(code("GET", {}), kTransport);
  EXPECT_EQ(code("GET", {{"EIO", "4"}, {"transport", "__proto__"}}), kTransport);
  EXPECT_EQ(code("GET", {{"EIO", "4"}, {"transport[]", "polling"}}), kTransport);
  EXPECT_EQ(code("GET", {{"EIO", "4"}, {"transport", "polling"}, {"sid", "__proto__"}}), kSession);
  EXPECT_EQ(code("GET", {{"EIO", "4"}, {"transport", "polling"}, {"sid", std::string(4'000, 'a')}}), kSession);
  for (const char* method : {"POST", "PUT", "DELETE"}) EXPECT_EQ(code(method, kPolling), kMethod);
  EXPECT_EQ(code("GET", {{"EIO", "4"}, {"transport", "websocket"}}), kRequest);
  for (const char* version : {"3", "5", "abc", "4.0", ""}) {
    EXPECT_EQ(code("GET", {{"EIO", version}, {"transport", "polling"}}), kVersion);
  }
  EXPECT_EQ(code("GET", {{"transport", "polling"}}), kVersion);
}

TEST_F(EngineHandshakeTest, RefusesWebSocketsLikewise) {
  const auto refusal = [&](Query query) {
    const auto upgraded = server.OnUpgrade(MakeRequest("GET", std::move(query)));
    return upgraded ? "taken" : upgraded.error().body;
  };
  EXPECT_THAT(refusal({{"EIO", "4"}}), HasSubstr("\"code\":0"));
  EXPECT_THAT(refusal({{"EIO", "4"}, {"transport", "polling"}}), HasSubstr("\"code\":0"));
  EXPECT_THAT(refusal({{"transport", "websocket"}}), HasSubstr("\"code\":5"));
  EXPECT_THAT(refusal({{"EIO", "3"}, {"transport", "websocket"}}), HasSubstr("\"code\":5"));
  EXPECT_THAT(refusal({{"EIO", "4"}, {"transport", "websocket"}, {"sid", "x"}}), HasSubstr("\"code\":1"));
}

TEST_F(EngineHandshakeTest, ServesOnlyTheTransportsAskedFor) {
  EngineOptions options = Options();
  options.websocket = false;
  EngineServer polling_only(options, clock, *this);
  EXPECT_TRUE(FakeSocketClient(polling_only).refusal);
  EXPECT_THAT(FakePollingClient(polling_only).opened->body(), HasSubstr("\"upgrades\":[]"));
  options = Options();
  options.polling = false;
  EngineServer websocket_only(options, clock, *this);
  EXPECT_THAT(FakePollingClient(websocket_only).opened->body(), HasSubstr("\"code\":0"));
}

TEST_F(EngineHandshakeTest, RefusesAllWhenToldSo) {
  FakePollingClient before(server);
  server.RefuseHandshakes(true);
  FakePollingClient polling(server);
  EXPECT_EQ(polling.opened->status(), 503);
  EXPECT_EQ(polling.opened->Header("Retry-After"), "1");
  EXPECT_TRUE(polling.opened->answer->close);
  EXPECT_EQ(FakeSocketClient(server).refusal->status, 503);
  EXPECT_EQ(before.Post("4x")->status(), 200);
  EXPECT_EQ(before.Poll()->body(), "4x");
  server.RefuseHandshakes(false);
  EXPECT_EQ(FakePollingClient(server).opened->status(), 200);
}

TEST_F(EngineHandshakeTest, LimitsSessions) {
  EngineOptions options = Options();
  options.max_sessions = 3;
  options.max_polling_per_address = 2;
  EngineServer small(options, clock, *this);
  FakePollingClient one(small);
  FakePollingClient two(small);
  FakePollingClient three(small);
  EXPECT_EQ(three.opened->status(), 429);
  EXPECT_EQ(three.opened->Header("Retry-After"), "1");
  FakeSocketClient upgraded(small, two.sid);
  upgraded.Send("2probe");
  upgraded.Send("5");
  FakePollingClient four(small);
  EXPECT_EQ(four.opened->status(), 200);
  EXPECT_EQ(FakeSocketClient(small).refusal->status, 503);
  one.Poll()->Abort();
  EXPECT_FALSE(FakeSocketClient(small).refusal);
  EXPECT_EQ(small.stats().opened, 4u);
  EXPECT_EQ(small.stats().upgraded, 1u);
  EXPECT_EQ(small.stats().refused, 2u);
  EXPECT_EQ(small.stats().closed[static_cast<std::size_t>(CloseReason::kTransportError)], 1u);
}

TEST_F(EngineHandshakeTest, CountsPollingSessionsByTheGroupOfAnAddress) {
  EngineOptions options = Options();
  options.max_polling_per_address = 1;
  EngineServer small(options, clock, *this);
  const auto open = [&](std::string address, std::string group) {
    HttpRequest request = MakeRequest("GET", kPolling);
    request.remote_address = std::move(address);
    request.address_group = std::move(group);
    return Ask(small, std::move(request))->status();
  };
  EXPECT_EQ(open("2001:db8:0:1::a", "2001:db8:0:1::"), 200);
  EXPECT_EQ(open("2001:db8:0:1::b", "2001:db8:0:1::"), 429);
  EXPECT_EQ(open("2001:db8:0:2::a", "2001:db8:0:2::"), 200);
}

class Doorman final : public EngineHandler {
  std::optional<HttpAnswer> OnHandshake(const HttpRequest& request) override {
    if (request.remote_address == "192.0.2.1") return HttpAnswer(429, "text/plain", "too many");
    return std::nullopt;
  }
  void OnMessage(EngineSession&, std::string_view, bool) override {}
};

TEST_F(EngineHandshakeTest, LetsTheHandlerRefuse) {
  Doorman doorman;
  EngineServer guarded(Options(), clock, doorman);
  EXPECT_EQ(FakePollingClient(guarded).opened->status(), 429);
  EXPECT_EQ(FakeSocketClient(guarded).refusal->status, 429);
  EXPECT_EQ(guarded.session_count(), 0u);
}

TEST_F(EngineHandshakeTest, AnswersBrowsersOfAllowedOrigins) {
  auto outcome = Ask(server, With(MakeRequest("GET", kPolling), "origin", "https://app.example"));
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(outcome->Header("Vary"), "Origin");
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Credentials"), "");
  outcome = Ask(server, With(MakeRequest("GET", kPolling), "origin", "https://evil.example"));
  EXPECT_EQ(outcome->status(), 200);
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Origin"), "");
}

TEST_F(EngineHandshakeTest, AnswersPreflights) {
  HttpRequest request = With(MakeRequest("OPTIONS", kPolling), "origin", "https://app.example");
  request = With(std::move(request), "access-control-request-headers", "authorization");
  auto outcome = Ask(server, std::move(request));
  EXPECT_EQ(outcome->status(), 204);
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Methods"), "GET, POST");
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Headers"), "authorization");
}

TEST_F(EngineHandshakeTest, AllowsAllOriginsWithAndWithoutCredentials) {
  EngineOptions options = Options();
  options.cors = {.origins = {"*"}, .credentials = false};
  EngineServer open(options, clock, *this);
  auto outcome = Ask(open, With(MakeRequest("GET", kPolling), "origin", "https://any.example"));
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Origin"), "*");
  options.cors.credentials = true;
  EngineServer with_cookies(options, clock, *this);
  outcome = Ask(with_cookies, With(MakeRequest("GET", kPolling), "origin", "https://any.example"));
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Origin"), "https://any.example");
  EXPECT_EQ(outcome->Header("Access-Control-Allow-Credentials"), "true");
  options.cors = {};
  EngineServer closed(options, clock, *this);
  EXPECT_EQ(Ask(closed, With(MakeRequest("OPTIONS", kPolling), "origin", "https://any.example"))->status(), 400);
}

}  // namespace
}  // namespace tidings::realtime
