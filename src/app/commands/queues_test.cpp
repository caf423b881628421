// `tidings queue …` on a transport, and on the queues of a store that nobody serves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include <tidings/app/commands.hpp>
#include <tidings/app/queue_message.hpp>
#include <tidings/app/queue_session.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>

#include "testing/store_fixture.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using messaging::Timers;
using messaging::Transport;
using ::testing::HasSubstr;

class QueuesTest : public StoreFixture {
 protected:
  // Three messages of "jobs" that failed, and one that waits.
  static Task<Status> Bury(Transport& transport, Timers& timers) {
    messaging::Topology topology;
    topology.AddQueue("jobs");
    if (Status declared = co_await transport.Declare(topology); !declared) co_return declared;
    for (int i = 1; i <= 4; ++i) {
      messaging::Message message = messaging::Message::WithId("id-" + std::to_string(i), "job", std::to_string(i));
      auto published = co_await transport.Publish(messaging::Address::Queue("jobs"), std::move(message));
      if (!published) co_return std::unexpected(published.error());
    }
    for (int i = 1; i <= 3; ++i) {
      auto popped = co_await transport.Pop("jobs", std::chrono::seconds(10));
      if (!popped) co_return std::unexpected(popped.error());
      const auto reason = i == 3 ? messaging::DeathReason::kRejected : messaging::DeathReason::kFailed;
      if (Status buried = co_await (*popped)->Bury(reason, "broken", timers.Now()); !buried) co_return buried;
    }
    co_return Status();
  }
  Status OnStore(const QueueWork& work) {
    auto store = LocalStore::Open(data(), Use::kMake);
    if (!store) return std::unexpected(store.error());
    sqlite::SqliteReadPool reads((*store)->events().readers());
    return OnEmbedded((*store)->events(), reads, (*store)->engine(), work);
  }

  // The whole of it; `transport` is empty for the store's own queues.
  void Operate(const std::string& transport) {
    EXPECT_EQ(Ask(transport, {{"do", "list"}}),
              R"({"queue":"jobs","ready":1,"unsettled":0,"delayed":0,"consumers":0,"oldestMs":AGE,"dead":3})"
              "\n");
    const std::string letters = Ask(transport, {{"do", "peek"}, {"queue", "jobs"}});
    EXPECT_THAT(letters, HasSubstr(R"("id":"id-1")"));
    EXPECT_THAT(letters, HasSubstr(R"("tidings-death-error":"broken")"));
    EXPECT_EQ(std::ranges::count(letters, '\n'), 3);
    EXPECT_EQ(Ask(transport, {{"do", "peek"}, {"queue", "jobs"}}), letters) << "they stay";
    EXPECT_THAT(Ask(transport, {{"do", "peek"}, {"queue", "jobs"}, {"waiting", true}}), HasSubstr("id-4"));
    EXPECT_EQ(Ask(transport, {{"do", "edit"}, {"queue", "jobs"}, {"id", "id-2"}, {"body", "mended"}}),
              "{\"edited\":\"id-2\"}\n");
    const json::object failed{{"do", "replay"}, {"queue", "jobs"}, {"reason", "failed"}, {"perSecond", 0}};
    EXPECT_EQ(Ask(transport, failed), "{\"lookedAt\":3,\"selected\":2,\"replayed\":2}\n");
    EXPECT_THAT(Ask(transport, {{"do", "peek"}, {"queue", "jobs"}, {"waiting", true}}), HasSubstr("mended"));
    EXPECT_EQ(Ask(transport, {{"do", "purge"}, {"queue", "jobs"}}), "{\"purged\":1}\n");
    EXPECT_EQ(Ask(transport, {{"do", "purge"}, {"queue", "jobs"}, {"waiting", true}}), "{\"purged\":3}\n");
    EXPECT_THAT(Ask(transport, {{"do", "list"}}), HasSubstr(R"("ready":0)"));
    const Status none = Try(transport, {{"do", "edit"}, {"queue", "jobs"}, {"id", "id-9"}, {"body", ""}}, nullptr);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  }

  Status Try(const std::string& transport, const json::object& request, std::ostream* out) {
    std::ostringstream nowhere;
    return AskQueues(Here(), {request, transport, true}, out != nullptr ? *out : nowhere);
  }
  std::string Ask(const std::string& transport, const json::object& request) {
    std::ostringstream out;
    const Status asked = Try(transport, request, &out);
    EXPECT_TRUE(asked) << asked.error().message();
    std::string text = out.str();
    const std::size_t age = text.find("\"oldestMs\":");
    if (age != std::string::npos && text[age + 11] != 'n') {
      const std::size_t end = text.find(',', age);
      text.replace(age + 11, end - age - 11, "AGE");
    }
    return text;
  }
};

TEST_F(QueuesTest, OperateOnATransport) {
  const std::string address = "sqlite:" + File("queues");
  const Status buried = OnTransport(address, Bury, true);
  ASSERT_TRUE(buried) << buried.error().message();
  // The file may be named too.
  EXPECT_THAT(Ask(address + "/messaging.db", {{"do", "list"}}), HasSubstr(R"("queue":"jobs","ready":1)"));
  Operate(address);
}

TEST_F(QueuesTest, OperateOnTheQueuesOfAStore) {
  const Status buried = OnStore(Bury);
  ASSERT_TRUE(buried) << buried.error().message();
  Operate("");
}

TEST_F(QueuesTest, AreShownForPeople) {
  const std::string address = "sqlite:" + File("queues");
  ASSERT_TRUE(OnTransport(address, Bury, true));
  std::ostringstream list;
  ASSERT_TRUE(AskQueues(Here(), {{{"do", "list"}}, address, false}, list));
  EXPECT_THAT(list.str(), HasSubstr("queue  ready  unsettled  delayed  consumers  oldestMs  dead\njobs   1 "));
  std::ostringstream peek;
  ASSERT_TRUE(AskQueues(Here(), {{{"do", "peek"}, {"queue", "jobs"}}, address, false}, peek));
  EXPECT_THAT(peek.str(), HasSubstr("rejected: broken  ("));
  EXPECT_THAT(peek.str(), HasSubstr(", after 1 failure)\n"));
  std::ostringstream replay;
  ASSERT_TRUE(AskQueues(Here(), {{{"do", "replay"}, {"queue", "jobs"}, {"dryRun", true}}, address, false}, replay));
  EXPECT_EQ(replay.str(), "would replay 3\n");
}

TEST_F(QueuesTest, RefuseWhatIsNoTransportOrNotThere) {
  const auto code = [&](const std::string& transport) {
    const Status asked = Try(transport, {{"do", "list"}}, nullptr);
    return asked ? std::nullopt : std::optional(asked.error().code());
  };
  EXPECT_EQ(code("kafka://localhost"), ErrorCode::kInvalid);
  EXPECT_EQ(code("sqlite:" + File("nothing")), ErrorCode::kNotFound);
  EXPECT_EQ(code(""), ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(File("nothing")));
}

TEST_F(QueuesTest, SayWhichQueueIsMissingAndWhereToLook) {
  const std::string address = "sqlite:" + File("queues");
  ASSERT_TRUE(OnTransport(address, Bury, true));
  for (const char* what : {"peek", "edit", "replay", "purge"}) {
    const Status asked = Try(address, {{"do", what}, {"queue", "job"}, {"id", "id-1"}, {"body", ""}}, nullptr);
    ASSERT_FALSE(asked) << what;
    EXPECT_EQ(asked.error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(asked.error().message(),
              "there is no queue job.dead, so no dead letters of job; `tidings queue list` shows what there is");
  }
  const Status listed = Try(address, {{"do", "list"}, {"queues", {"job"}}}, nullptr);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().message(), "there is no queue job; `tidings queue list` shows what there is");
}

TEST_F(QueuesTest, SayWhatAnEditCanChange) {
  const std::string address = "sqlite:" + File("queues");
  ASSERT_TRUE(OnTransport(address, Bury, true));
  const Status asked = Try(address, {{"do", "edit"}, {"queue", "jobs"}, {"id", "id-1"}}, nullptr);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::kInvalid);
  for (const char* option : {"--body", "--body-file", "--type", "--key", "--set", "--remove"}) {
    EXPECT_THAT(asked.error().message(), HasSubstr(option));
  }
}

// Asked before anything is connected to: nobody listens at this port.
TEST_F(QueuesTest, OfRabbitMqAreNamedToBeMoved) {
  std::ostringstream out;
  const BridgeOrder order{"amqp://guest:guest@127.0.0.1:1/", "sqlite:" + File("queues"), {}, false};
  const Status moved = RunBridge(Here(), order, out);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(moved.error().message(), HasSubstr("name them with --queue"));
  EXPECT_EQ(out.str(), "");
}

TEST_F(QueuesTest, AreNotMovedToWhereTheyWouldBeLost) {
  const std::string address = "sqlite:" + File("queues");
  ASSERT_TRUE(OnTransport(address, Bury, true));
  const std::string before = Ask(address, {{"do", "list"}});
  for (const std::string& to : {std::string("memory:"), address}) {
    std::ostringstream out;
    const Status moved = RunBridge(Here(), {address, to, {}, false}, out);
    ASSERT_FALSE(moved) << to;
    EXPECT_EQ(moved.error().code(), ErrorCode::kInvalid);
    EXPECT_EQ(out.str(), "");
  }
  EXPECT_EQ(Ask(address, {{"do", "list"}}), before);
}

}  // namespace
}  // namespace tidings::app
