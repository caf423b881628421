#include "testing/engine_fixture.hpp"

namespace tidings::realtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using EnginePollingTest = EngineTest;

TEST_F(EnginePollingTest, CarriesTextAndBinaryBothWays) {
  FakePollingClient client(server);
  for (const std::string body : {"4hello",
                                 "4a\x1e"
                                 "4b\x1e"
                                 "4c",
                                 "4hello\x1e"
                                 "bAQIDBA==",
                                 "4"}) {
    const auto post = client.Post(body);
    EXPECT_EQ(post->status(), 200);
    EXPECT_EQ(post->body(), "ok");
    EXPECT_EQ(client.Poll()->body(), body);
  }
  EXPECT_EQ(client.Post("bAQI\r\nDBA\n==")->status(), 200);
  EXPECT_EQ(client.Poll()->body(), "bAQIDBA==");
}

TEST_F(EnginePollingTest, KeepsAPollWaiting) {
  FakePollingClient client(server);
  const auto poll = client.Poll();
  EXPECT_FALSE(poll->answer);
  client.Post(
      "4a\x1e"
      "4b");
  EXPECT_EQ(poll->body(),
            "4a\x1e"
            "4b");  // one answer for what came together
  EXPECT_EQ(drained, 1);
}

TEST_F(EnginePollingTest, AnswersWithinLimits) {
  FakePollingClient client(server);
  std::string all;
  for (int i = 0; i < 40; ++i) {
    last->Send(Frame::Text("4" + std::to_string(i)));
    all += (i > 0 ? "\x1e"
                    "4"
                  : "4") +
           std::to_string(i);
  }
  std::string got;
  for (const std::ptrdiff_t expected : {16, 16, 8}) {
    const std::string body = client.Poll()->body();
    EXPECT_EQ(std::count(body.begin(), body.end(), '\x1e') + 1, expected);
    got += (got.empty() ? "" : "\x1e") + body;
  }
  EXPECT_EQ(got, all);
  // By bytes; one that is larger by itself goes alone.
  for (const std::size_t size : {598u, 400u, 399u, 1'500u, 1u}) last->Send(Frame::Text("4" + std::string(size, 'x')));
  EXPECT_EQ(client.Poll()->body().size(), 599u);
  EXPECT_EQ(client.Poll()->body().size(), 401u + 1 + 400);
  EXPECT_EQ(client.Poll()->body().size(), 1'501u);
  EXPECT_EQ(client.Poll()->body(), "4x");
  EXPECT_FALSE(client.Poll()->answer);
}

TEST_F(EnginePollingTest, ASecondPollEndsTheSession) {
  FakePollingClient client(server);
  const auto first = client.Poll();
  const auto second = client.Poll();
  EXPECT_EQ(first->body(), "1");
  EXPECT_EQ(second->status(), 400);
  EXPECT_EQ(client.Poll()->status(), 400);
  EXPECT_THAT(reasons, ElementsAre("transport error"));
  EXPECT_EQ(server.session_count(), 0u);
}

TEST_F(EnginePollingTest, ASecondPostEndsTheSession) {
  FakePollingClient client(server);
  const HttpRequest head = MakeRequest("POST", client.Parameters());
  auto first = server.OnHead(head);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(client.Post("4x")->status(), 400);
  EXPECT_THAT(reasons, ElementsAre("parse error"));
  EXPECT_FALSE(Known(client));
  first->reset();

  FakePollingClient other(server);
  auto one = server.OnHead(MakeRequest("POST", other.Parameters()));
  auto two = server.OnHead(MakeRequest("POST", other.Parameters()));
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().status, 400);
  EXPECT_FALSE(Known(other));

  FakePollingClient third(server);
  server.OnHead(MakeRequest("POST", third.Parameters()))->reset();
  EXPECT_EQ(third.Post("4x")->status(), 200);
}

TEST_F(EnginePollingTest, ABodyThatBreaksOffEndsTheSession) {
  FakePollingClient client(server);
  auto body = server.OnHead(MakeRequest("POST", client.Parameters()));
  (*body)->OnBrokenOff();
  body->reset();
  EXPECT_THAT(reasons, ElementsAre("transport error"));
  EXPECT_FALSE(Known(client));
}

TEST_F(EnginePollingTest, ABadBodyEndsTheSession) {
  for (const std::string body : {"", "abc", "7", "4a\x1e",
                                 "\x1e"
                                 "4a",
                                 "4a\x1e"
                                 "x",
                                 "b!!!!", "4\xc3\x28", "0", "2",
                                 "4a\x1e"
                                 "2probe"}) {
    SCOPED_TRACE(body);
    reasons.clear();
    FakePollingClient client(server);
    const auto poll = client.Poll();
    const auto post = client.Post(body);
    EXPECT_EQ(post->status(), 400);
    EXPECT_TRUE(poll->answer);
    EXPECT_FALSE(Known(client));
    EXPECT_EQ(client.Poll()->status(), 400);
    EXPECT_THAT(reasons, ElementsAre("parse error"));
  }
}

TEST_F(EnginePollingTest, ABodyPastTheLimitEndsTheSession) {
  FakePollingClient client(server);
  EXPECT_EQ(client.Post("4" + std::string(999, 'x'))->status(), 200);
  EXPECT_EQ(client.Post("4" + std::string(1'000, 'x'))->status(), 400);
  EXPECT_FALSE(Known(client));
}

TEST_F(EnginePollingTest, OtherMethodsAreRefused) {
  FakePollingClient client(server);
  for (const char* method : {"PUT", "DELETE", "PATCH"}) {
    EXPECT_EQ(Ask(server, MakeRequest(method, client.Parameters()))->status(), 400);
  }
  EXPECT_TRUE(Known(client));
  EXPECT_EQ(client.Post("6")->status(), 200);  // noops are harmless
}

TEST_F(EnginePollingTest, AnAbortedPollEndsTheSession) {
  FakePollingClient client(server);
  client.Poll()->Abort();
  EXPECT_THAT(reasons, ElementsAre("transport error"));
  EXPECT_EQ(client.Poll()->status(), 400);
  EXPECT_EQ(server.session_count(), 0u);
}

TEST_F(EnginePollingTest, AClosePacketReleasesThePoll) {
  FakePollingClient client(server);
  const auto poll = client.Poll();
  EXPECT_EQ(client
                .Post("4a\x1e"
                      "1\x1e"
                      "4b")
                ->body(),
            "ok");
  EXPECT_EQ(poll->body(), "6");
  EXPECT_THAT(reasons, ElementsAre("transport close"));
  EXPECT_FALSE(Known(client));
}

TEST_F(EnginePollingTest, TheServersCloseFollowsWhatWasQueued) {
  FakePollingClient client(server);
  client.Post(
      "4a\x1e"
      "4close\x1e"
      "4b");
  EXPECT_THAT(reasons, ElementsAre("forced close"));
  EXPECT_EQ(client.Post("4x")->status(), 400);
  EXPECT_EQ(client.Poll()->body(),
            "4a\x1e"
            "1");
  EXPECT_EQ(client.Poll()->status(), 400);
  EXPECT_EQ(server.session_count(), 0u);

  FakePollingClient waiting(server);
  const auto poll = waiting.Poll();
  last->Close();
  EXPECT_EQ(poll->body(), "1");
  EXPECT_EQ(server.session_count(), 0u);
  EXPECT_EQ(reasons.size(), 2u);
}

TEST_F(EnginePollingTest, ALingeringSessionIsForgotten) {
  FakePollingClient client(server);
  last->Close();
  EXPECT_EQ(server.session_count(), 1u);
  Advance(10'050);
  EXPECT_EQ(server.session_count(), 0u);
  EXPECT_EQ(reasons.size(), 1u);
}

TEST_F(EnginePollingTest, TheQueueIsBounded) {
  FakePollingClient client(server);
  for (int i = 0; i < 10; ++i) last->Send(Frame::Text(std::string(1'000, '4')));
  EXPECT_EQ(last->pending_bytes(), 10'000u);
  EXPECT_THAT(reasons, IsEmpty());
  last->Send(Frame::Text("4"));
  EXPECT_TRUE(last->open());  // a send ends no session
  server.OnTick(clock.Steady());
  EXPECT_THAT(reasons, ElementsAre("transport error"));
  EXPECT_FALSE(Known(client));
}

TEST_F(EnginePollingTest, ASendToOneEndsNoOther) {
  const FakePollingClient full(server);
  EngineSession* const overflowing = last;
  FakePollingClient other(server);
  const auto poll = other.Poll();
  overflowing->Send(Frame::Text(std::string(11'000, '4')));
  last->Send(Frame::Text("4x"));
  EXPECT_EQ(poll->body(), "4x");
  EXPECT_TRUE(overflowing->open());
  server.OnTick(clock.Steady());
  EXPECT_THAT(reasons, ElementsAre("transport error"));
}

TEST_F(EnginePollingTest, ALongQueueKeepsItsOrder) {
  FakePollingClient client(server);
  int sent = 0;
  int received = 0;
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 30 && last->pending_bytes() < 9'900; ++i) last->Send(Frame::Text("4" + std::to_string(sent++)));
    const std::string body = client.Poll()->body();
    std::string expected;
    for (int i = 0; i < 16; ++i)
      expected += (i == 0 ? "4"
                          : "\x1e"
                            "4") +
                  std::to_string(received++);
    ASSERT_EQ(body, expected);
  }
}

TEST_F(EnginePollingTest, TellsWhenItsQueueIsEmpty) {
  FakePollingClient client(server);
  for (int i = 0; i < 20; ++i) last->Send(Frame::Text("4x"));
  EXPECT_EQ(last->pending_bytes(), 40u);
  EXPECT_FALSE(last->writable());
  client.Poll();
  EXPECT_EQ(drained, 0);
  client.Poll();
  EXPECT_EQ(drained, 1);
  EXPECT_EQ(last->pending_bytes(), 0u);
  EXPECT_FALSE(last->writable());
  client.Poll();
  EXPECT_TRUE(last->writable());
}

TEST_F(EnginePollingTest, ABatchAnswersOnce) {
  FakePollingClient client(server);
  const auto poll = client.Poll();
  {
    const EngineServer::Batch batch(server);
    last->Send(Frame::Text("4a"));
    last->Send(Frame::Text("4b"));
    EXPECT_FALSE(poll->answer);
  }
  EXPECT_EQ(poll->body(),
            "4a\x1e"
            "4b");
}

TEST_F(EnginePollingTest, AFailingHandlerEndsItsSessionAlone) {
  FakePollingClient client(server);
  FakeSocketClient other(server);
  client.Post("4throw");
  EXPECT_THAT(reasons, ElementsAre("forced close"));
  other.Take();
  other.Send("4still");
  EXPECT_THAT(other.Take(), ElementsAre("4still"));
}

TEST_F(EnginePollingTest, SessionsOfOneServerAreNotKnownToAnother) {
  FakePollingClient client(server);
  EngineServer other(Options(), clock, *this);
  EXPECT_EQ(Ask(other, MakeRequest("GET", client.Parameters()))->status(), 400);
}

}  // namespace
}  // namespace tidings::realtime
