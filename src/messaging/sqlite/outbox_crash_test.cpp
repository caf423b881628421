// A crash and a failure at every operation on the disk, and an end at every step of the program: what was committed is
// published at least once, in order, and what was not, never.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "../testing/task_runner.hpp"
#include "testing/everywhere.hpp"
#include "testing/moody_transport.hpp"
#include "testing/open_on_disk.hpp"
#include "testing/outbox_file.hpp"

namespace tidings::messaging::testing {
namespace {

using namespace std::chrono_literals;
using sqlite::testing::FaultDisk;
using sqlite::testing::FaultVfs;

// Of texts, each the first time.
std::vector<std::string> FirstTimes(const std::vector<std::string>& all) {
  std::vector<std::string> first;
  std::set<std::string> seen;
  for (const std::string& each : all) {
    if (seen.insert(each).second) first.push_back(each);
  }
  return first;
}

class OutboxRun {
 public:
  explicit OutboxRun(std::uint64_t seed) : disk_(seed), vfs_(disk_) {
    EXPECT_TRUE(runner_.Run(transport_.Declare(Topology().AddQueue("out"))));
  }

  FaultDisk& disk() { return disk_; }
  int refused() const { return refused_; }
  bool fatal() { return !file_.ledger().fatal().empty(); }

  // Commits while a forwarder runs, which is stopped and started in between. Ends early once the file cannot go on.
  void Work() {
    for (int round = 0; round < 2 && !over_; ++round) {
      auto opened = Open();
      if (!opened) return;
      const auto inbox = *std::move(opened);
      SqliteOutbox outbox(*inbox, timers_, OutboxFile::Impatient());
      Run(outbox);
      for (int step = 0; step < 4 && !over_; ++step) {
        Commit(*inbox, outbox, std::to_string(round) + "." + std::to_string(step), step == 2);
        if (step == 1) {
          runner_.Run(outbox.Stop());
          Run(outbox);
        }
      }
      if (!over_ && !fatal()) {
        if (!runner_.Until([&] { return over_ || Emptied(outbox); })) ADD_FAILURE() << "it does not end";
      }
      runner_.Run(outbox.Stop());
      if (!runner_.Until([&] { return running_ == 0; })) ADD_FAILURE() << "the forwarder does not end";
      if (fatal() || disk_.crashed()) return;
    }
  }

  // The machine starts again with what survived. What is wrong with it, if anything.
  std::optional<std::string> Verdict() {
    disk_.Survive();
    const std::set<std::string> before(transport_.taken.begin(), transport_.taken.end());
    auto opened = SqliteInbox::Open(runner_.executor(), file_.Options());
    if (!opened) return "it does not open: " + opened.error().message();
    const auto words = file_.ledger().Words();
    over_ = false;
    {
      SqliteOutbox outbox(**opened, timers_, OutboxFile::Impatient());
      Run(outbox);
      if (!runner_.Until([&] { return Emptied(outbox); })) return "what is left is not published";
      runner_.Run(outbox.Stop());
    }
    const std::set<std::string> durable(words.begin(), words.end());
    for (const std::string& word : before) {
      if (!durable.contains(word)) return Short(word) + " was published before it was durable";
    }
    for (const std::string& word : committed_) {
      if (!durable.contains(word)) return Short(word) + " was committed and is gone";
    }
    if (FirstTimes(transport_.taken) != words) return "what is published is not what was committed, in its order";
    opened->reset();
    sqlite::Database database(file_.ledger().file(), sqlite::Database::Mode::kReader);
    if (const auto sound = database.Value("PRAGMA integrity_check"); sound != "ok") return "the file is damaged";
    return std::nullopt;
  }

 private:
  static std::string Short(const std::string& word) { return word.substr(0, 10); }

  Result<std::unique_ptr<SqliteInbox>> Open() { return OpenOnDisk(runner_, disk_, vfs_, file_.Options()); }

  void Run(SqliteOutbox& outbox) {
    ++running_;
    runner_.Spawn([](SqliteOutbox& forwarding, OutboxRun& self) -> Task<void> {
      if (!co_await forwarding.Run(self.transport_)) self.over_ = true;
      --self.running_;
    }(outbox, *this));
  }

  bool Emptied(SqliteOutbox& outbox) {
    const auto backlog = runner_.Run(outbox.Backlog());
    if (!backlog && backlog.error().code() == ErrorCode::kInternal) over_ = true;
    // An administrator makes room at last.
    if (++looks_ % 50 == 0) disk_.Heal();
    return backlog && backlog->rows == 0;
  }

  // Two words of one key; of every third unit nothing is committed.
  void Commit(SqliteInbox& inbox, SqliteOutbox& outbox, const std::string& name, bool large) {
    for (const bool undone : {false, true}) {
      auto unit = runner_.Run(inbox.Begin());
      auto& own = (*unit)->As<SqliteUnit>();
      std::vector<std::string> words;
      for (const char* part : {".a", ".b"}) {
        // Long ones take pages of their own.
        std::string word = name + part + (undone ? ".undone" : "") + std::string(large ? 9'000 : 0, 'x');
        Message message("told", word);
        message.key = "k";
        own.OnCommit(LedgerFile::Writes(word));
        EXPECT_TRUE(outbox.Publish(own, Address::Queue("out"), std::move(message)));
        words.push_back(std::move(word));
      }
      if (undone) own.OnCommit([](sqlite::Database&) -> Status { return Fail(ErrorCode::kInvalid, "undone"); });
      const Status outcome = runner_.Run(own.Commit());
      if (outcome) {
        committed_.insert(words.begin(), words.end());
      } else if (outcome.error().code() == ErrorCode::kInternal) {
        over_ = true;
        return;
      } else if (outcome.error().code() != ErrorCode::kInvalid && ++refused_ % 3 == 2) {
        disk_.Heal();
      }
    }
  }

  TempFolder folder_;
  OutboxFile file_{folder_.File("shop.db")};
  FaultDisk disk_;
  FaultVfs vfs_;
  TaskRunner runner_;
  SystemTimers timers_{runner_.executor()};
  MoodyTransport transport_{runner_.executor(), timers_};
  bool over_ = false;
  int running_ = 0;
  int refused_ = 0;
  int looks_ = 0;
  std::set<std::string> committed_;
};

// At some operations, and at every one: that takes long.
TEST(SqliteOutboxCrash, PublishesWhatWasCommittedInOrder) { CrashEverywhere<OutboxRun>(7, 50); }
TEST(SqliteOutboxCrashEverywhere, PublishesWhatWasCommittedInOrder) { CrashEverywhere<OutboxRun>(1, 50); }
TEST(SqliteOutboxFullDisk, FromAWriteOnRefusesAndRecovers) {
  FailEverywhere<OutboxRun>(FaultDisk::Fate::kFull, true, 17);
}
TEST(SqliteOutboxFullDiskEverywhere, OnceAtAWriteRefusesAndRecovers) {
  FailEverywhere<OutboxRun>(FaultDisk::Fate::kFull, false, 1);
}
TEST(SqliteOutboxFailingDiskEverywhere, FromAnOperationOnAnswersNobodyWrongly) {
  FailEverywhere<OutboxRun>(FaultDisk::Fate::kError, true, 1);
}

// A process that takes from one queue and tells of it on another, until it dies at a step.
class Relay {
 public:
  Relay(std::shared_ptr<MemoryBroker> broker, Timers& timers, OutboxFile& file)
      : transport_(std::make_unique<MemoryTransport>(runner_.executor(), std::move(broker))),
        inbox_(file.Open(runner_.executor())),
        outbox_(std::make_unique<SqliteOutbox>(*inbox_, timers, OutboxFile::Impatient())),
        router_(std::make_unique<Router>(*transport_, timers)) {
    router_->Subscribe("in", Idempotent(*inbox_), [this](Context& context) -> Task<Status> {
      auto& unit = context.unit()->As<SqliteUnit>();
      const std::string& body = context.message().body;
      unit.OnCommit(LedgerFile::Writes(body));
      co_return outbox_->Publish(unit, Address::Queue("out"), context.Follow("done", body));
    });
    boost::asio::co_spawn(
        runner_.context(), [this]() -> Task<void> { (void)co_await router_->Start(); },
        [](const std::exception_ptr&) {});
    boost::asio::co_spawn(
        runner_.context(), [this]() -> Task<void> { (void)co_await outbox_->Run(*transport_); },
        [](const std::exception_ptr&) {});
  }

  // One handler; false: there was none.
  bool Step() {
    runner_.context().restart();
    return runner_.context().poll_one() > 0;
  }
  SqliteOutbox& outbox() { return *outbox_; }
  TaskRunner& runner() { return runner_; }
  Transport& transport() { return *transport_; }
  // In good order.
  void End() {
    runner_.Run(router_->Stop());
    runner_.Run(outbox_->Stop());
  }
  // As a crash: what is under way goes no further, what comes of it reaches nobody.
  ~Relay() {
    transport_.reset();
    router_.reset();
    outbox_.reset();
    inbox_.reset();
  }

 private:
  TaskRunner runner_;
  std::unique_ptr<MemoryTransport> transport_;
  std::unique_ptr<SqliteInbox> inbox_;
  std::unique_ptr<SqliteOutbox> outbox_;
  std::unique_ptr<Router> router_;
};

class EndToEnd {
 public:
  static constexpr std::size_t kMessages = 20;

  // Whether it went on until the step.
  bool EndsAt(int step) {
    const auto broker = std::make_shared<MemoryBroker>(timers_);
    {
      TaskRunner runner;
      MemoryTransport sender(runner.executor(), broker);
      EXPECT_TRUE(runner.Run(sender.Declare(Topology().AddQueue("in").AddQueue("out"))));
      for (std::size_t i = 0; i < kMessages; ++i) {
        EXPECT_TRUE(
            runner.Run(sender.Publish(Address::Queue("in"), Message("do", std::to_string(i)), PublishOptions())));
      }
      runner.Run(sender.Close());
    }
    bool reached = true;
    {
      Relay first(broker, timers_, file_);
      reached = RunUntil(first, [&](int steps) { return steps >= step; });
    }
    Relay second(broker, timers_, file_);
    EXPECT_FALSE(RunUntil(second, [](int) { return false; })) << "it goes round and round";
    Check(second);
    return reached;
  }

 private:
  // False: all is done before `enough`.
  bool RunUntil(Relay& relay, const std::function<bool(int)>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + TaskRunner::kDeadline;
    for (int steps = 0; !enough(steps);) {
      if (relay.Step()) {
        ++steps;
        continue;
      }
      // The inbox's thread may be at work.
      if (relay.runner().context().run_one_for(1ms) > 0) {
        ++steps;
        continue;
      }
      if (Left() == 0) return false;
      timers_.Advance(5ms);
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "it does not end";
        return true;
      }
    }
    return true;
  }

  // Messages without their effect, and rows that are not published.
  std::size_t Left() {
    sqlite::Database database(file_.ledger().file(), sqlite::Database::Mode::kReader);
    const auto waiting = database.Number("SELECT count(*) FROM tidings_outbox");
    return kMessages - std::min(kMessages, file_.ledger().Words().size()) + static_cast<std::size_t>(waiting);
  }

  void Check(Relay& relay) {
    const auto words = file_.ledger().Words();
    EXPECT_EQ(words.size(), kMessages);
    EXPECT_EQ(FirstTimes(words).size(), kMessages) << "an effect is there twice";
    std::map<std::string, std::string> out;
    for (;;) {
      auto popped = relay.runner().Run(relay.transport().Pop("out", 0ms));
      if (!popped || !*popped) break;
      const Message& message = (*popped)->message();
      EXPECT_TRUE(out.emplace(message.id, message.body).first->second == message.body);
      EXPECT_TRUE(relay.runner().Run((*popped)->Ack()));
    }
    EXPECT_EQ(out.size(), kMessages) << "an id for each, however often it came";
    for (const auto& [id, body] : out)
      EXPECT_TRUE(std::ranges::find(words, body) != words.end()) << body << " has no effect";
    relay.End();
  }

  TempFolder folder_;
  OutboxFile file_{folder_.File("shop.db")};
  VirtualTimers timers_;
};

// A message in, its effect and a message out, by a process that ends at a step; another goes on.
TEST(SqliteOutboxProcess, EndedAtAnyStepHasEachEffectOnceAndTellsOfIt) {
  int step = 0;
  while (EndToEnd().EndsAt(step)) {
    ASSERT_FALSE(HasFailure()) << "ended at step " << step;
    ASSERT_LT(++step, 5'000);
  }
  EXPECT_FALSE(HasFailure()) << "ended at step " << step;
  EXPECT_GT(step, 30) << "the scenario has steps";
}

}  // namespace
}  // namespace tidings::messaging::testing
