// What an operator does with dead letters, on every transport; also where its process dies of it.
#include "testing/router_suite.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/dead_letters.hpp>

namespace tidings::messaging::testing {
namespace {

// A transport whose process is killed with its first publish: before it was sent, or when it was accepted.
class MortalTransport final : public Transport {
 public:
  enum class Dies { kBeforePublish, kAfterPublish };
  MortalTransport(std::unique_ptr<Transport> inner, Dies dies, std::function<void(std::unique_ptr<Transport>)> kill)
      : inner_(std::move(inner)),
        dies_(dies),
        kill_(std::move(kill)),
        name_(inner_->name()),
        capabilities_(inner_->capabilities()),
        executor_(inner_->executor()) {}

  bool dead() const { return inner_ == nullptr; }

  std::string_view name() const override { return name_; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Executor executor() override { return executor_; }
  Task<Status> Declare(Topology topology) override {
    if (dead()) co_return Gone();
    co_return co_await inner_->Declare(std::move(topology));
  }
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options) override {
    if (dead()) co_return Gone();
    if (dies_ == Dies::kBeforePublish) {
      kill_(std::move(inner_));
      co_return Gone();
    }
    auto published = co_await inner_->Publish(std::move(to), std::move(message), options);
    kill_(std::move(inner_));
    co_return published;
  }
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) override {
    if (dead()) co_return Gone();
    co_return co_await inner_->Pop(std::move(queue), timeout);
  }
  Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue, ConsumeOptions options) override {
    if (dead()) co_return Gone();
    co_return co_await inner_->Consume(std::move(queue), options);
  }
  Task<Result<QueueStats>> Stats(std::string queue) override {
    if (dead()) co_return Gone();
    co_return co_await inner_->Stats(std::move(queue));
  }
  Task<Result<std::uint64_t>> Purge(std::string queue) override {
    if (dead()) co_return Gone();
    co_return co_await inner_->Purge(std::move(queue));
  }
  Task<Status> DeleteQueue(std::string queue) override {
    if (dead()) co_return Gone();
    co_return co_await inner_->DeleteQueue(std::move(queue));
  }
  Task<Result<std::vector<std::string>>> Queues() override {
    if (dead()) co_return Gone();
    co_return co_await inner_->Queues();
  }
  Task<void> Close() override { co_return; }

 private:
  static std::unexpected<Error> Gone() { return Fail(ErrorCode::kUnavailable, "its process was killed"); }

  std::unique_ptr<Transport> inner_;
  Dies dies_;
  std::function<void(std::unique_ptr<Transport>)> kill_;
  std::string name_;
  Capabilities capabilities_;
  Executor executor_;
};

std::set<std::string> IdsOf(const std::vector<Message>& letters) {
  std::set<std::string> ids;
  for (const Message& letter : letters) ids.insert(letter.id);
  return ids;
}

using Operation = std::function<void(DeadLetters&, const std::vector<std::string>&)>;

}  // namespace

std::vector<std::string> RouterSuite::BuryNumbered(int count) {
  const auto ids = PublishNumbered(queue_, count);
  for (int i = 0; i < count; ++i) {
    Delivery delivery = Pop(queue_);
    EXPECT_TRUE(Run(delivery.Bury(DeathReason::kFailed, "broken", timers().Now())));
  }
  EXPECT_TRUE(Ready(DeadLetterQueue(queue_), static_cast<std::uint64_t>(count)));
  return ids;
}

namespace {

TEST_P(RouterSuite, EditsADeadLetterWhichKeepsItsId) {
  DeclareQueue(queue_);
  const auto ids = BuryNumbered(3);
  DeadLetters dead(transport(), timers(), &ledger());
  EXPECT_EQ(CodeOf(Run(dead.Edit(queue_, "nobody", [](Message&) {}))), ErrorCode::kNotFound);
  ASSERT_TRUE(Run(dead.Edit(queue_, ids[1], [](Message& letter) {
    letter.body = "mended";
    letter.id = "another";
    letter.headers.Set("by", "an operator");
  })));
  ASSERT_TRUE(Ready(DeadLetterQueue(queue_), 3));
  const auto letters = Dead();
  EXPECT_EQ(IdsOf(letters), std::set(ids.begin(), ids.end()));
  for (const Message& letter : letters) {
    EXPECT_EQ(letter.body == "mended", letter.id == ids[1]) << letter.body;
    EXPECT_EQ(letter.headers.Get(header::kDeathReason), "failed");
  }
  ReplayOptions one;
  one.select.ids.push_back(ids[1]);
  EXPECT_EQ(Must(Run(dead.Replay(queue_, one))).replayed, 1U);
  Delivery mended = Pop(queue_);
  EXPECT_EQ(mended.message().id, ids[1]);
  EXPECT_EQ(mended.message().body, "mended");
  EXPECT_EQ(mended.message().headers.Get("by"), "an operator");
  Ack(mended);
}

TEST_P(RouterSuite, PurgesDeadLettersAndCountsThem) {
  DeclareQueue(queue_);
  const auto ids = BuryNumbered(4);
  DeadLetters dead(transport(), timers(), &ledger());
  Selection two;
  two.ids = {ids[0], ids[2]};
  EXPECT_EQ(Must(Run(dead.Purge(queue_, two))), 2U);
  EXPECT_EQ(ledger().Of(LossCause::kPurged), 2U);
  ASSERT_TRUE(Ready(DeadLetterQueue(queue_), 2));
  EXPECT_EQ(IdsOf(Dead()), (std::set{ids[1], ids[3]}));
  Selection others;
  others.reason = "rejected";
  EXPECT_EQ(Must(Run(dead.Purge(queue_, others))), 0U) << "none of them died of that";
  ASSERT_TRUE(Ready(DeadLetterQueue(queue_), 2));
  EXPECT_EQ(Must(Run(dead.Purge(queue_))), 2U);
  EXPECT_TRUE(Dead().empty());
  EXPECT_EQ(ledger().Of(LossCause::kPurged), 4U);
}

TEST_P(RouterSuite, ALetterThatIsMovedIsNeverLostHoweverItsMoverDies) {
  if (!features().several) GTEST_SKIP() << "one transport is all there is";
  const Operation replay = [&](DeadLetters& dead, const std::vector<std::string>&) {
    ReplayOptions fast;
    fast.per_second = 0;
    EXPECT_FALSE(Run(dead.Replay(queue_, fast)));
  };
  const Operation edit = [&](DeadLetters& dead, const std::vector<std::string>& ids) {
    EXPECT_FALSE(Run(dead.Edit(queue_, ids[0], [](Message& letter) { letter.body = "mended"; })));
  };
  for (const Operation& operation : {replay, edit}) {
    for (const auto dies : {MortalTransport::Dies::kBeforePublish, MortalTransport::Dies::kAfterPublish}) {
      const bool moved = dies == MortalTransport::Dies::kAfterPublish;
      queue_ = Name("moved");
      names_.push_back(DeadLetterQueue(queue_));
      DeclareQueue(queue_);
      const auto ids = BuryNumbered(3);
      MortalTransport process(Open(), dies,
                              [&](std::unique_ptr<Transport> killed) { environment().Abandon(std::move(killed)); });
      DeadLetters dead(process, timers());
      operation(dead, ids);
      ASSERT_TRUE(process.dead());
      // What it had in hand is there still, or comes back with its lease.
      const std::uint64_t copies = moved ? 4 : 3;
      const auto count = [&] {
        const QueueStats letters = Stats(DeadLetterQueue(queue_));
        return letters.ready + letters.unsettled + Stats(queue_).ready;
      };
      EXPECT_TRUE(Until([&] { return count() == copies; })) << count() << " of " << copies;
      if (!moved) continue;
      std::set<std::string> there = IdsOf(Dead());
      while (auto popped = Must(Run(transport().Pop(queue_, 0ms)))) {
        EXPECT_EQ(popped->message().id, ids[0]);
        there.insert(popped->message().id);
        Ack(*popped);
      }
      EXPECT_EQ(there, std::set(ids.begin(), ids.end()));
    }
  }
}

}  // namespace
}  // namespace tidings::messaging::testing
