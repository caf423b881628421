#include "recent_sends.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <random>
#include <set>

#include <tidings/chat/record.hpp>
#include <tidings/eventing/memory_event_store.hpp>

namespace tidings::chat {
namespace {

using Key = std::pair<UserKey, std::string>;

// What a table would keep, and what it was asked to write.
class FakeSendTable final : public SendTable {
 public:
  std::optional<Position> FindSend(UserKey sender, std::string_view client_id) override {
    const auto found = rows.find(Key(sender, client_id));
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  }
  void PutSend(UserKey sender, std::string_view client_id, Position position) override {
    EXPECT_TRUE(rows.emplace(Key(sender, client_id), position).second) << client_id;
    order.emplace_back(sender, client_id);
  }
  Position SendsMark() override { return mark; }
  void PutSendsMark(Position position) override { mark = position; }

  std::map<Key, Position> rows;
  std::vector<Key> order;
  Position mark = 0;
};

template <class Work>
class WorkUnit final : public eventing::Unit {
 public:
  WorkUnit(Work work, std::promise<void> done) : work_(std::move(work)), done_(std::move(done)) {}
  Status Run(eventing::Transaction& transaction) override {
    work_(transaction);
    return {};
  }
  void Done(const Status&) override { done_.set_value(); }

 private:
  Work work_;
  std::promise<void> done_;
};

class RecentSendsTest : public testing::Test {
 protected:
  RecentSendsTest() { store_.Start(); }

  template <class Work>
  void Commit(Work work) {
    std::promise<void> done;
    auto committed = done.get_future();
    store_.Submit(std::make_unique<WorkUnit<Work>>(std::move(work), std::move(done)));
    committed.get();
  }

  // As a command does: nothing is written for a send that is known. Its position, and whether it is new.
  Position Send(eventing::Transaction& transaction, UserKey sender, const std::string& client_id) {
    if (const auto known = sends_->Find(transaction, sender, client_id)) return *known;
    MessageRecord record;
    record.author = "u" + std::to_string(sender);
    record.text_json = "\"hello\"";
    record.client_id = client_id;
    const Position position = Say(transaction, sender, event_type::kMessageCreated, record.Encode());
    if (!client_id.empty()) sends_->Put(sender, client_id, position);
    return position;
  }

  static Position Say(eventing::Transaction& transaction, UserKey sender, std::string_view type, std::string data) {
    const eventing::NewEvent event(type, std::move(data), sender);
    return transaction.Append("room", eventing::Expected::Any(), std::span(&event, 1))->position;
  }

  void Restart() { sends_.emplace(table_); }

  eventing::MemoryEventStore store_;
  FakeSendTable table_;
  std::optional<RecentSends> sends_{table_};
};

TEST_F(RecentSendsTest, FewGoToTheTableWithTheirCommit) {
  for (int i = 0; i < 3; ++i) {
    Commit([&](auto& transaction) {
      Send(transaction, 1, "a" + std::to_string(i));
      sends_->Settle(transaction);
    });
    EXPECT_EQ(table_.rows.size(), static_cast<std::size_t>(i + 1));
    EXPECT_EQ(table_.mark, store_.Head());
    EXPECT_EQ(sends_->waiting(), 0U);
  }
}

TEST_F(RecentSendsTest, ManyAreMovedInTheOrderOfTheirRows) {
  constexpr int kCommits = 200;
  constexpr UserKey kSenders = 100;
  for (int commit = 0; commit < kCommits; ++commit) {
    Commit([&](auto& transaction) {
      for (UserKey sender = 1; sender <= kSenders; ++sender) Send(transaction, sender, std::to_string(commit));
      sends_->Settle(transaction);
    });
    EXPECT_LE(sends_->waiting(), RecentSends::kKept + kSenders) << "a round ends where the table does";
  }
  // Neighbours in writing are of one sender, but for each sender's last.
  int changes = 0;
  for (std::size_t i = 1; i < table_.order.size(); ++i) changes += table_.order[i].first != table_.order[i - 1].first;
  EXPECT_LT(changes, static_cast<int>(table_.order.size()) / 8);
  EXPECT_GT(table_.mark, store_.Head() - 5 * RecentSends::kKept);
}

TEST_F(RecentSendsTest, ACommitThatOnlyReadsWritesNothing) {
  Commit([&](auto& transaction) {
    for (int i = 0; i < 100; ++i) Send(transaction, 1, "a" + std::to_string(i));
    sends_->Settle(transaction);
  });
  ASSERT_GT(sends_->waiting(), 0U);
  const std::size_t written = table_.order.size();
  for (int i = 0; i < 2; ++i) {
    Commit([&](auto& transaction) {
      EXPECT_EQ(Send(transaction, 1, "a99"), 100U);
      sends_->Settle(transaction);
    });
    EXPECT_EQ(table_.order.size(), written);
    sends_->Forget();
  }
}

TEST_F(RecentSendsTest, TheMarkFollowsALogWithoutSends) {
  for (int commit = 0; commit < 40; ++commit) {
    Commit([&](auto& transaction) {
      for (int i = 0; i < 1'000; ++i) Say(transaction, 1, event_type::kMessageUpdated, "x");
      sends_->Settle(transaction);
    });
    EXPECT_LE(store_.Head() - table_.mark, RecentSends::kMostPast);
  }
}

// Against a plain map: over commits of all sizes, repeats, restarts and rollbacks of the table.
TEST_F(RecentSendsTest, KnowsEverySendWhateverHappens) {
  std::mt19937 random(7);
  std::map<Key, Position> all;
  for (int commit = 0; commit < 400; ++commit) {
    const std::size_t size = random() % 4 == 0 ? random() % 400 : random() % 30;
    const FakeSendTable before = table_;
    const bool rolls_back = random() % 10 == 0;
    Commit([&](auto& transaction) {
      for (std::size_t i = 0; i < size; ++i) {
        const Key key(1 + random() % 50, std::to_string(random() % 4'000));
        const auto known = all.find(key);
        const Position position = Send(transaction, key.first, key.second);
        if (known != all.end()) {
          ASSERT_EQ(position, known->second);
        }
        all.emplace(key, position);
      }
      if (size % 3 == 0) Say(transaction, 1, event_type::kMessageUpdated, "x");
      sends_->Settle(transaction);
    });
    if (rolls_back) {
      // The log stays, as if the table's part had been lost: what is past the older mark is found there.
      table_ = before;
      sends_->Forget();
    }
    for (const auto& [key, position] : all) {
      if (position > table_.mark) continue;
      ASSERT_EQ(table_.FindSend(key.first, key.second), position);
    }
    ASSERT_LE(table_.mark, store_.Head());
    if (random() % 20 == 0) Restart();
  }
  Restart();
  Commit([&](auto& transaction) {
    for (const auto& [key, position] : all) ASSERT_EQ(sends_->Find(transaction, key.first, key.second), position);
  });
}

}  // namespace
}  // namespace tidings::chat
