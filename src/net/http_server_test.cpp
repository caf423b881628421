#include <gmock/gmock.h>

#include "testing/server_fixture.hpp"

namespace tidings::net {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using HttpServerTest = ServerTest;

TEST_F(HttpServerTest, AnswersWithItsHeaders) {
  Start();
  Client client = Connect();
  client.Send("GET /some HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.Answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n/some"));
  EXPECT_EQ(handler_.requests.front().remote_address, "127.0.0.1");
  EXPECT_FALSE(handler_.requests.front().secure);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsOneByOneAndInOrder) {
  Start();
  handler_.hold = true;
  Client client = Connect();
  client.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
  for (const char* path : {"/a", "/b", "/c"}) {
    ASSERT_TRUE(client.Until([&] { return handler_.held.size() == 1; }));
    client.Now();
    EXPECT_EQ(handler_.requests.back().path, path);
    handler_.held.front()->Respond({200, "text/plain", path});
    handler_.held.clear();
    EXPECT_THAT(client.Answer(), testing::EndsWith(path));
  }
  EXPECT_EQ(stats().requests_in_flight, 0u);
}

TEST_F(HttpServerTest, TakesBodiesByteByByte) {
  Start();
  handler_.answer = [](const realtime::HttpRequest& request) {
    return realtime::HttpAnswer(200, "text/plain", request.body);
  };
  Client client = Connect();
  for (const std::string& request :
       {std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
        std::string(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")}) {
    for (const char c : request) client.Send({&c, 1});
    EXPECT_THAT(client.Answer(), testing::EndsWith("\r\n\r\nhello"));
  }
}

TEST_F(HttpServerTest, LeavesBodiesOutForHeadAndNoContent) {
  Start();
  Client client = Connect();
  client.Send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n" + kGet);
  EXPECT_THAT(client.Answer(true), HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(client.Answer(), testing::EndsWith("\r\n\r\n/"));
  handler_.answer = [](const realtime::HttpRequest&) { return realtime::HttpAnswer(204, "", "unsent"); };
  client.Send(kGet);
  EXPECT_THAT(client.Answer(), AllOf(StartsWith("HTTP/1.1 204 "), Not(HasSubstr("Content-Length"))));
  EXPECT_EQ(client.Now(), "");
}

TEST_F(HttpServerTest, SendsLargeBodiesWhole) {
  Start();
  const std::string body(30'000'000, 'b');
  handler_.answer = [&](const realtime::HttpRequest&) { return realtime::HttpAnswer(200, "text/plain", body); };
  Client client = Connect();
  client.Send(kGet + "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.Answer().ends_with(body));
  EXPECT_TRUE(client.Answer().ends_with(body));
  EXPECT_TRUE(client.Ended());
  EXPECT_GT(stats().short_writes, 0u);
}

TEST_F(HttpServerTest, LetsNoHeaderSplitAnAnswer) {
  Start();
  handler_.answer = [](const realtime::HttpRequest&) {
    realtime::HttpAnswer answer(200, "text/plain", "x");
    answer.headers = {{"X-Good", "1"}, {"X-Bad", "a\r\nX-Injected: 1"}, {"Content-Length", "999"}};
    return answer;
  };
  Client client = Connect();
  client.Send(kGet);
  const std::string answer = client.Answer();
  EXPECT_THAT(answer, AllOf(HasSubstr("X-Good: 1"), Not(HasSubstr("Injected")), Not(HasSubstr("999"))));
}

TEST_F(HttpServerTest, ClosesWhereItIsAskedTo) {
  Start();
  for (const char* request : {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    Client client = Connect();
    client.Send(request);
    EXPECT_THAT(client.Answer(), HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(client.Ended());
  }
  handler_.answer = [](const realtime::HttpRequest&) {
    realtime::HttpAnswer answer(200, "text/plain", "x");
    answer.close = true;
    return answer;
  };
  Client client = Connect();
  client.Send(kGet + kGet);
  EXPECT_EQ(client.Status(), 200);
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(client.received(), "");
}

TEST_F(HttpServerTest, RefusesAndCloses) {
  Start();
  handler_.max_message = 100;
  const std::pair<const char*, int> cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: x\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\nbegin", 413},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413},
  };
  for (const auto& [bytes, status] : cases) {
    Client client = Connect();
    client.Send(bytes);
    EXPECT_EQ(client.Status(), status) << bytes;
    EXPECT_TRUE(client.Ended());
  }
  EXPECT_EQ(stats().bad_requests, 5u);
  EXPECT_TRUE(handler_.requests.empty());
}

TEST_F(HttpServerTest, LetsTheAnswerToALargeBodyArrive) {
  Start();
  handler_.max_message = 100;
  Client client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  client.Send(std::string(900'000, 'x'));  // is ignored, so that no reset overtakes the answer
  EXPECT_EQ(client.Status(), 413);
}

TEST_F(HttpServerTest, SaysContinueWhereTheBodyIsWanted) {
  Start();
  handler_.max_message = 100;
  Client client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.Answer(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hello");
  EXPECT_EQ(client.Status(), 200);
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n");
  EXPECT_EQ(client.Status(), 413);
}

TEST_F(HttpServerTest, RoutesByTheLongestPrefix) {
  Start();
  FakeHandler api;
  FakeHandler deep;
  server_->Route("/api", api);
  server_->Route("/api/deep/", deep);
  Client client = Connect();
  for (const char* path : {"/api", "/api/x", "/apix", "/api/deep/y", "/api/deep"}) {
    client.Send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.Status(), 200);
  }
  EXPECT_EQ(api.requests.size(), 3u);
  EXPECT_EQ(deep.requests.size(), 1u);
  EXPECT_EQ(handler_.requests.size(), 1u);
}

TEST_F(HttpServerTest, AnswersNotFoundAndGoesOn) {
  server_.emplace(loop_);
  port_ = ListenSomewhere(*server_);
  Client client = Connect();
  client.Send(kGet + kGet);
  EXPECT_THAT(client.Answer(), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr(R"("code":"not_found")")));
  EXPECT_EQ(client.Status(), 404);
}

TEST_F(HttpServerTest, TellsOfClientsThatGo) {
  Start();
  handler_.hold = true;
  int aborted = 0;
  Client client = Connect();
  client.Send(kGet);
  ASSERT_TRUE(client.Until([&] { return handler_.held.size() == 1; }));
  handler_.held[0]->OnAborted([&] { ++aborted; });
  client.Close();
  Client other = Connect();
  EXPECT_TRUE(other.Until([&] { return aborted == 1; }));
  handler_.held[0]->Respond({200, "text/plain", "to nobody"});
  EXPECT_EQ(stats().requests_in_flight, 0u);
}

TEST_F(HttpServerTest, TellsLateComersThatTheClientHasGone) {
  Start();
  handler_.hold = true;
  Client client = Connect();
  client.Send(kGet);
  ASSERT_TRUE(client.Until([&] { return handler_.held.size() == 1; }));
  client.EndWriting();
  client.Now();
  int aborted = 0;
  handler_.held[0]->OnAborted([&] { ++aborted; });
  EXPECT_EQ(aborted, 0);
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(aborted, 1);
}

TEST_F(HttpServerTest, AnswersClientsThatOnlyEndedTheirSide) {
  Start();
  handler_.hold = true;
  Client client = Connect();
  client.Send(kGet);
  client.EndWriting();
  ASSERT_TRUE(client.Until([&] { return handler_.held.size() == 1; }));
  client.Now();
  handler_.held[0]->Respond({200, "text/plain", "late"});
  EXPECT_THAT(client.Answer(), testing::EndsWith("late"));
  EXPECT_TRUE(client.Ended());
}

TEST_F(HttpServerTest, ClosesWhereTheExchangeIsDropped) {
  Start();
  handler_.hold = true;
  Client client = Connect();
  client.Send(kGet);
  ASSERT_TRUE(client.Until([&] { return handler_.held.size() == 1; }));
  handler_.held.clear();
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(client.received(), "");
}

TEST_F(HttpServerTest, HoldsALimitedAmountOfPipelinedInput) {
  Start();
  handler_.hold = true;
  Client client = Connect();
  std::string many;
  for (int i = 0; i < 2000; ++i) many += kGet;
  int sent = 0;
  // As much as the server and the kernel take while nothing is answered.
  for (; sent < 1000; ++sent) {
    if (send(client.fd(), many.data(), many.size(), MSG_DONTWAIT) < static_cast<ssize_t>(many.size())) break;
    client.Now();
  }
  EXPECT_LT(sent, 1000);
  EXPECT_LT(stats().input_held, 256u * 1024);
  handler_.hold = false;
  handler_.held[0]->Respond({200, "text/plain", "x"});
  for (int part = 1; part <= sent; ++part) {
    ASSERT_TRUE(client.Until([&] {
      client.received().clear();
      return handler_.requests.size() >= static_cast<std::size_t>(part) * 2000;
    })) << part
        << " of " << sent;
  }
}

TEST_F(HttpServerTest, HandlersMayStopItWhileTheyAnswer) {
  Start();
  handler_.answer = [&](const realtime::HttpRequest&) {
    loop_.Post([&] { server_.reset(); });
    return realtime::HttpAnswer(200, "text/plain", "x");
  };
  Client client = Connect();
  Client waiting = Connect();
  client.Send(kGet);
  EXPECT_TRUE(waiting.Ended());
}

TEST_F(HttpServerTest, StopsGracefully) {
  Start();
  Client idle = Connect();
  idle.Send(kGet);
  EXPECT_EQ(idle.Status(), 200);
  handler_.hold = true;
  Client busy = Connect();
  busy.Send(kGet);
  ASSERT_TRUE(busy.Until([&] { return handler_.held.size() == 1; }));
  int stopped = 0;
  server_->Stop(std::chrono::seconds(5), [&] { ++stopped; });
  EXPECT_TRUE(idle.Ended());
  EXPECT_EQ(stopped, 0);
  handler_.held[0]->Respond({200, "text/plain", "last"});
  EXPECT_THAT(busy.Answer(), AllOf(HasSubstr("Connection: close"), testing::EndsWith("last")));
  busy.Close();
  EXPECT_TRUE(idle.Until([&] { return stopped == 1; }));
}

TEST_F(HttpServerTest, CutsWhatIsLeftAfterAWhile) {
  Start();
  handler_.hold = true;
  Client busy = Connect();
  busy.Send(kGet);
  ASSERT_TRUE(busy.Until([&] { return handler_.held.size() == 1; }));
  int stopped = 0;
  server_->Stop(std::chrono::seconds(5), [&] { ++stopped; });
  Pass(std::chrono::seconds(4));
  EXPECT_EQ(stopped, 0);
  Pass(std::chrono::seconds(2));
  EXPECT_TRUE(busy.Ended());
  EXPECT_EQ(stopped, 1);
}

}  // namespace
}  // namespace tidings::net
