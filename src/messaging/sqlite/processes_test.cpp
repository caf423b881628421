// Processes that share a file and are killed.
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <set>

#include <sys/wait.h>
#include <unistd.h>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/router.hpp>

#include "testing/ledger_file.hpp"
#include "testing/queues.hpp"

namespace tidings::messaging::testing {
namespace {

using std::chrono::milliseconds;

// A process that runs `work` and writes lines to its parent. REQUIRES: made while this process has one thread.
class Child {
 public:
  using Say = std::function<void(const std::string&)>;

  Child(const std::function<void(Queues&, const Say&)>& work, const Queues& queues) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      Queues own(queues.folder());
      work(own, [&](const std::string& line) {
        const std::string out = line + "\n";
        if (write(ends[1], out.data(), out.size()) < 0) _exit(1);
      });
      _exit(0);
    }
    close(ends[1]);
    in_ = fdopen(ends[0], "r");
  }
  ~Child() {
    Kill();
    fclose(in_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Empty once it is dead.
  std::string Hear() {
    char line[256];
    if (fgets(line, sizeof line, in_) == nullptr) return "";
    std::string text(line);
    text.pop_back();
    return text;
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
  FILE* in_;
};

TEST(SqliteProcesses, WhatWasAcceptedSurvivesAKillInMidPublish) {
  for (int round = 0; round < 3; ++round) {
    Queues queues;
    Child child(
        [](Queues& own, const Child::Say& say) {
          const auto transport = own.Open();
          own.Declare(*transport, "jobs");
          for (int writer = 0; writer < 8; ++writer) {
            own.runner().Spawn([](Transport& to, int number, const Child::Say& tell) -> Task<void> {
              for (int i = 0;; ++i) {
                const std::string body = std::to_string(number) + ":" + std::to_string(i);
                if (!co_await to.Publish(Address::Queue("jobs"), Message(body))) co_return;
                tell(body);
              }
            }(*transport, writer, say));
          }
          own.runner().RunFor(milliseconds(60'000));
        },
        queues);
    std::set<std::string> accepted;
    for (int i = 0; i < 300 + 50 * round; ++i) accepted.insert(child.Hear());
    child.Kill();
    for (std::string line = child.Hear(); line.find(':') != std::string::npos; line = child.Hear())
      accepted.insert(line);

    const auto transport = queues.Open();
    const auto drained = queues.Drain(*transport, "jobs");
    const std::set<std::string> there(drained.begin(), drained.end());
    EXPECT_EQ(there.size(), drained.size());
    for (const std::string& body : accepted) EXPECT_TRUE(there.contains(body)) << body;
    EXPECT_LE(there.size(), accepted.size() + 8);
  }
}

TEST(SqliteProcesses, WhatAKilledConsumerHeldComesBackAtOnceAndNothingThatItAcknowledged) {
  Queues queues;
  Child child(
      [](Queues& own, const Child::Say& say) {
        const auto transport = own.Open();
        own.Declare(*transport, "jobs");
        for (int i = 0; i < 100; ++i) (void)own.Publish(*transport, "jobs", std::to_string(i));
        auto consumer = own.Run(transport->Consume("jobs", ConsumeOptions(20)));
        std::vector<Delivery> held;
        for (int i = 0; i < 30; ++i) {
          auto delivery = own.Run((*consumer)->Next());
          if (i % 3 == 0) {
            held.push_back(*std::move(delivery));
            continue;
          }
          const std::string body = delivery->message().body;
          if (own.Run(delivery->Ack())) say(body);
        }
        say("-");
        own.runner().RunFor(milliseconds(60'000));
      },
      queues);
  std::set<std::string> acknowledged;
  for (std::string line = child.Hear(); line != "-"; line = child.Hear()) {
    ASSERT_NE(line, "");
    acknowledged.insert(line);
  }
  const auto transport = queues.Open();
  auto consumer = queues.Run(transport->Consume("jobs", ConsumeOptions(200)));
  ASSERT_TRUE(consumer);
  std::set<std::string> got;
  queues.runner().Spawn([](Consumer& from, std::set<std::string>& bodies) -> Task<void> {
    for (;;) {
      auto next = co_await from.Next();
      if (!next) co_return;
      EXPECT_TRUE(bodies.insert(next->message().body).second) << next->message().body;
      (void)co_await next->Ack();
    }
  }(**consumer, got));
  EXPECT_TRUE(queues.runner().Until([&] { return got.size() >= 60; }));
  const auto killed = std::chrono::steady_clock::now();
  child.Kill();
  EXPECT_TRUE(queues.runner().Until([&] { return got.size() + acknowledged.size() >= 100; }));
  EXPECT_LT(std::chrono::steady_clock::now() - killed, milliseconds(20'000)) << "by its lock, not by a lease's 30 s";
  for (const std::string& body : acknowledged) EXPECT_FALSE(got.contains(body)) << body;
  EXPECT_EQ(queues.Stats(*transport, "jobs").consumers, 1U);
  queues.Run((*consumer)->Stop());
}

TEST(SqliteProcesses, AMessageThatKillsItsConsumersEndsAmongTheDeadLetters) {
  Queues queues;
  const auto die_of_it = [](Queues& own, const Child::Say& say) {
    const auto transport = own.Open();
    QueueOptions options;
    options.delivery_limit = 2;
    own.Declare(*transport, "jobs", options);
    if (own.Stats(*transport, "jobs").ready + own.Stats(*transport, "jobs.dead").ready == 0) {
      (void)own.Publish(*transport, "jobs", "poison");
    }
    const auto delivery = own.Pop(*transport, "jobs");
    say(delivery ? std::to_string(delivery->deliveries()) : "none");
    own.runner().RunFor(milliseconds(60'000));
  };
  for (const char* expected : {"1", "2", "3", "none"}) {
    Child child(die_of_it, queues);
    EXPECT_EQ(child.Hear(), expected);
  }
  const auto transport = queues.Open();
  auto dead = queues.Pop(*transport, "jobs.dead");
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->message().headers.Get(header::kDeathReason), "delivery-limit");
}

TEST(SqliteProcesses, TwoProcessesShareTheWork) {
  Queues queues;
  const auto consume = [](Queues& own, const Child::Say& say) {
    const auto transport = own.Open();
    own.Declare(*transport, "jobs");
    auto consumer = own.Run(transport->Consume("jobs", ConsumeOptions(8)));
    say("ready");
    for (;;) {
      auto next = own.Run((*consumer)->Next());
      if (!next || next->message().body == "end") {
        if (next) (void)own.Run(next->Ack());
        break;
      }
      const std::string body = next->message().body;
      if (own.Run(next->Ack())) say(body);
    }
    own.Run(transport->Close());
    say("-");
  };
  Child one(consume, queues);
  Child two(consume, queues);
  EXPECT_EQ(one.Hear(), "ready");
  EXPECT_EQ(two.Hear(), "ready");
  const auto transport = queues.Open();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(queues.Publish(*transport, "jobs", std::to_string(i)), std::nullopt);
  EXPECT_TRUE(queues.runner().Until([&] {
    const QueueStats stats = queues.Stats(*transport, "jobs");
    return stats.ready + stats.unsettled == 0;
  }));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(queues.Publish(*transport, "jobs", "end"), std::nullopt);
  std::set<std::string> all;
  for (Child* child : {&one, &two}) {
    int handled = 0;
    for (std::string line = child->Hear(); line != "-"; line = child->Hear()) {
      ASSERT_NE(line, "");
      EXPECT_TRUE(all.insert(line).second) << line;
      ++handled;
    }
    EXPECT_GT(handled, 0);
  }
  EXPECT_EQ(all.size(), 200U);
}

// Handles what is in the queue; each message's effect is its body in the ledger.
Task<void> HandleAll(Queues& own, const Child::Say& say) {
  LedgerFile ledger(own.folder() + "/ledger.db");
  const auto transport = own.Open();
  const auto inbox = ledger.Open(own.runner().executor());
  Router router(*transport, own.timers());
  router.Subscribe("jobs", Concurrency(4), Prefetch(8), Idempotent(*inbox), [&](Context& context) -> Task<Status> {
    context.unit()->As<SqliteUnit>().OnCommit(LedgerFile::Writes(context.message().body));
    say(context.message().body);
    co_return Status();
  });
  if (!co_await router.Start()) co_return;
  for (;;) {
    const auto stats = co_await transport->Stats("jobs");
    if (!stats || stats->ready + stats->unsettled + stats->delayed == 0) break;
    co_await own.timers().Sleep(milliseconds(20));
  }
  co_await router.Stop();
  co_await transport->Close();
}

TEST(SqliteProcesses, TwoHandleEachMessageOnceHoweverOftenOneIsKilled) {
  Queues queues;
  constexpr int kMessages = 400;
  {
    const auto transport = queues.Open();
    queues.Declare(*transport, "jobs");
    for (int i = 0; i < kMessages; ++i) EXPECT_EQ(queues.Publish(*transport, "jobs", std::to_string(i)), std::nullopt);
  }
  const auto work = [](Queues& own, const Child::Say& say) {
    own.runner().Run(HandleAll(own, say), milliseconds(120'000));
    say("-");
  };
  // The one that stays comes when there were some kills, or it might have done all before.
  std::optional<Child> steady;
  int kills = 0;
  for (; kills < 8; ++kills) {
    if (kills == 3) steady.emplace(work, queues);
    Child killed(work, queues);
    std::string line = killed.Hear();
    for (int handled = 1; handled < 5 * kills && line != "-"; ++handled) line = killed.Hear();
    if (line == "-") break;
    ASSERT_NE(line, "");
    killed.Kill();
  }
  ASSERT_GT(kills, 2);
  for (std::string line = steady->Hear(); line != "-"; line = steady->Hear()) ASSERT_NE(line, "");
  const auto words = LedgerFile(queues.folder() + "/ledger.db").Words();
  EXPECT_EQ(words.size(), static_cast<std::size_t>(kMessages));
  EXPECT_EQ(std::set<std::string>(words.begin(), words.end()).size(), static_cast<std::size_t>(kMessages));
}

}  // namespace
}  // namespace tidings::messaging::testing
