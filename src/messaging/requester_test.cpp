#include <tidings/messaging/requester.hpp>

#include <gmock/gmock.h>

#include <tidings/messaging/responder.hpp>

#include "testing/router_fixture.hpp"

namespace tidings::messaging {
namespace {

using testing::RouterFixture;
using namespace std::chrono_literals;

class RequesterTest : public RouterFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(runner_.Run(requester_.Start())); }
  void TearDown() override { runner_.Run(requester_.Stop()); }
  void Ask(std::string body, std::chrono::milliseconds timeout, std::vector<Result<Message>>& answers) {
    runner_.Spawn([](Requester& requester, std::string text, std::chrono::milliseconds wait,
                     std::vector<Result<Message>>& out) -> Task<void> {
      Message question("ask", text);
      Address to = Address::Queue("q");
      out.push_back(co_await requester.Request(std::move(to), std::move(question), wait));
    }(requester_, std::move(body), timeout, answers));
    runner_.Poll();
  }
  // An answer as a program of somebody else's gives it.
  void Answer(const Message& question, bool causation) {
    Message reply("reply", "to " + question.body);
    reply.headers.Set(header::kCorrelationId, std::string(question.headers.Get(header::kCorrelationId)));
    if (causation) reply.headers.Set(header::kCausationId, question.id);
    Publish(std::move(reply), std::string(question.headers.Get(header::kReplyTo)));
    runner_.Poll();
  }

  RequesterOptions Few() {
    RequesterOptions options;
    options.in_flight = 3;
    options.ledger = &ledger_;
    return options;
  }
  Requester requester_{transport_, timers_, Few()};
  std::vector<Result<Message>> answers_;
};

TEST_F(RequesterTest, TellsItsRepliesApartInWhateverOrderTheyCome) {
  Ask("1", 10s, answers_);
  Ask("2", 10s, answers_);
  const auto questions = Take("q");
  ASSERT_EQ(questions.size(), 2U);
  EXPECT_EQ(questions[0].headers.Get(header::kDeadline), FormatTime(timers_.Now() + 10'000));
  Answer(questions[1], true);
  Answer(questions[0], false);
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[0]->body, "to 2");
  EXPECT_EQ(answers_[1]->body, "to 1");
}

TEST_F(RequesterTest, GivesUpAtTheTimeoutAndCountsTheLateReply) {
  Ask("1", 10s, answers_);
  const auto questions = Take("q");
  Advance(9'999ms);
  EXPECT_TRUE(answers_.empty());
  Advance(1ms);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), ErrorCode::kTimeout);
  Answer(questions[0], true);
  EXPECT_EQ(requester_.stats().late, 1U);
  EXPECT_EQ(requester_.stats().timeouts, 1U);
  EXPECT_EQ(ledger_.Of(LossCause::kUnclaimed), 1U);
  EXPECT_EQ(Stats(requester_.reply_queue()).ready, 0U);
}

TEST_F(RequesterTest, CountsWhatItNeverAskedFor) {
  Publish(Message("stray"), requester_.reply_queue());
  runner_.Poll();
  EXPECT_EQ(requester_.stats().unknown, 1U);
  EXPECT_EQ(ledger_.Of(LossCause::kUnclaimed), 1U);
}

TEST_F(RequesterTest, RefusesMoreThanMayWait) {
  for (int i = 0; i < 4; ++i) Ask("x", 10s, answers_);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), ErrorCode::kUnavailable);
  Advance(10s);
  EXPECT_EQ(answers_.size(), 4U);
}

TEST_F(RequesterTest, SaysAtOnceThatNobodyCanBeAsked) {
  const auto answer = runner_.Run(requester_.Request(Address::Queue("nowhere"), Message("x"), 10s));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(timers_.Next());
}

TEST_F(RequesterTest, AStopEndsThoseWhoWait) {
  Ask("x", 10s, answers_);
  runner_.Run(requester_.Stop());
  runner_.Poll();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), ErrorCode::kUnavailable);
}

TEST_F(RequesterTest, SharedReplyQueuesPassOnWhatIsForOthers) {
  RequesterOptions shared;
  shared.reply_queue = "replies";
  Requester one(transport_, timers_, shared);
  Requester two(transport_, timers_, shared);
  ASSERT_TRUE(runner_.Run(one.Start()));
  ASSERT_TRUE(runner_.Run(two.Start()));
  router_.Subscribe("q",
                    Responder([](const Message& question) -> Task<Result<std::string>> { co_return question.body; }));
  Start(router_);
  int right = 0;
  for (int i = 0; i < 20; ++i) {
    runner_.Spawn([](Requester& requester, int number, int& count) -> Task<void> {
      Message question("ask", std::to_string(number));
      Address to = Address::Queue("q");
      const auto reply = co_await requester.Request(std::move(to), std::move(question), 10s);
      if (reply && reply->body == std::to_string(number)) ++count;
    }(i % 2 == 0 ? one : two, i, right));
  }
  Advance(2s);
  EXPECT_EQ(right, 20);
  EXPECT_EQ(one.stats().unknown + two.stats().unknown, 0U);
  runner_.Run(router_.Stop());
  runner_.Run(one.Stop());
  runner_.Run(two.Stop());
}

TEST_F(RequesterTest, ResponderDropsWhatNobodyWaitsForAndRefusesWhatHasNoReplyQueue) {
  Ask("x", 1s, answers_);
  Advance(2s);
  const Responder responder([](const Message& question) -> Task<Result<std::string>> { co_return question.body; },
                            "reply", &ledger_);
  router_.Subscribe("q", responder);
  Start(router_);
  Publish(Message("no reply-to"));
  runner_.Poll();
  EXPECT_EQ(responder.stats().overdue, 1U);
  EXPECT_EQ(ledger_.Of(LossCause::kOverdue), 1U);
  EXPECT_EQ(responder.stats().no_reply_to, 1U);
  EXPECT_EQ(Stats("q.dead").ready, 1U);
  runner_.Run(router_.Stop());
}

TEST_F(RequesterTest, AResponderThatThrowsAnswersWithAnError) {
  router_.Subscribe("q", Responder([](const Message&) -> Task<Result<std::string>> {
                      throw std::runtime_error("boom");
                      co_return std::string();
                    }));
  Start(router_);
  Ask("x", 1s, answers_);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error().code(), ErrorCode::kInternal);
  EXPECT_EQ(answers_[0].error().message(), "the responder threw: boom");
  runner_.Run(router_.Stop());
}

}  // namespace
}  // namespace tidings::messaging
