// The in-memory queue against a model made of plain containers, by random operations in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/memory_transport.hpp>

#include "testing/task_runner.hpp"
#include "testing/transport_case.hpp"

namespace tidings::messaging {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kDeliveryLimit = 3;
constexpr std::uint64_t kMaxLength = 30;

class ModelMessage {
 public:
  std::string id;
  Millis expires = std::numeric_limits<Millis>::max();
  std::uint32_t deliveries = 0;
  std::uint32_t unsettled = 0;
  std::uint32_t failures = 0;
};

// Where a message is: ready, delayed until some time, held, or dead. By its place in the queue.
class Model {
 public:
  bool full() const { return ready.size() + delayed.size() >= kMaxLength; }
  void Publish(std::string id, Millis now, Millis delay, std::optional<Millis> ttl) {
    ModelMessage message;
    message.id = std::move(id);
    if (ttl) message.expires = now + *ttl;
    PutBack(++places, std::move(message), now, delay);
  }
  std::optional<std::uint64_t> Pop() {
    if (ready.empty()) return std::nullopt;
    auto node = ready.extract(ready.begin());
    ++node.mapped().deliveries;
    const std::uint64_t place = node.key();
    held.insert(std::move(node));
    return place;
  }
  void Nack(std::uint64_t place, Millis now) {
    auto node = held.extract(place);
    --node.mapped().deliveries;
    PutBack(place, std::move(node.mapped()), now, 0);
  }
  void Retry(std::uint64_t place, Millis now, Millis delay) {
    auto node = held.extract(place);
    ++node.mapped().failures;
    node.mapped().unsettled = 0;
    PutBack(place, std::move(node.mapped()), now, delay);
  }
  void Drop(std::uint64_t place, Millis now) {
    auto node = held.extract(place);
    if (++node.mapped().unsettled > kDeliveryLimit) {
      dead[node.mapped().id] = "delivery-limit";
    } else {
      PutBack(place, std::move(node.mapped()), now, 0);
    }
  }
  void Bury(std::uint64_t place) { dead[held.extract(place).mapped().id] = "rejected"; }
  void Pass(Millis now) {
    for (auto at = delayed.begin(); at != delayed.end();) {
      if (at->second.first > now) {
        ++at;
        continue;
      }
      ready.emplace(at->first, std::move(at->second.second));
      at = delayed.erase(at);
    }
    for (auto at = ready.begin(); at != ready.end();) {
      if (at->second.expires > now) {
        ++at;
        continue;
      }
      dead[at->second.id] = "expired";
      at = ready.erase(at);
    }
  }

  std::uint64_t places = 0;
  std::map<std::uint64_t, ModelMessage> ready;
  std::map<std::uint64_t, std::pair<Millis, ModelMessage>> delayed;
  std::map<std::uint64_t, ModelMessage> held;
  std::map<std::string, std::string> dead;

 private:
  void PutBack(std::uint64_t place, ModelMessage message, Millis now, Millis delay) {
    if (delay > 0) {
      delayed.emplace(place, std::pair(now + delay, std::move(message)));
    } else {
      ready.emplace(place, std::move(message));
      Pass(now);
    }
  }
};

class MemoryModelTest : public ::testing::TestWithParam<int> {
 protected:
  MemoryModelTest() : random_(static_cast<unsigned>(GetParam())) {
    QueueOptions options;
    options.delivery_limit = kDeliveryLimit;
    options.max_length = kMaxLength;
    Connect();
    EXPECT_TRUE(runner_.Run(transport_->Declare(Topology().AddQueue("jobs", options))));
  }

  void Connect() {
    transport_ = std::make_unique<MemoryTransport>(runner_.executor(), broker_);
    held_.clear();
  }
  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  Millis Now() const { return timers_.Steady(); }

  void Publish() {
    PublishOptions options;
    if (Below(4) == 0) options.delay = milliseconds(Below(50));
    if (Below(4) == 0) options.ttl = milliseconds(Below(100));
    Message message = Message::WithId("m" + std::to_string(++ids_), "", "body");
    const bool full = model_.full();
    const auto published = runner_.Run(transport_->Publish(Address::Queue("jobs"), std::move(message), options));
    ASSERT_EQ(published.has_value(), !full);
    if (full) return;
    std::optional<Millis> ttl;
    if (options.ttl) ttl = options.ttl->count();
    model_.Publish("m" + std::to_string(ids_), Now(), options.delay.count(), ttl);
  }
  void Pop() {
    auto popped = runner_.Run(transport_->Pop("jobs", milliseconds(0)));
    ASSERT_TRUE(popped);
    const auto place = model_.Pop();
    ASSERT_EQ(popped->has_value(), place.has_value());
    if (!place) return;
    const ModelMessage& expected = model_.held.at(*place);
    ASSERT_EQ((*popped)->message().id, expected.id);
    ASSERT_EQ((*popped)->deliveries(), expected.deliveries);
    ASSERT_EQ((*popped)->attempt(), expected.failures + 1);
    held_.emplace(*place, std::move(**popped));
  }
  void Settle() {
    if (held_.empty()) return;
    const auto at = std::next(held_.begin(), Below(static_cast<int>(held_.size())));
    const std::uint64_t place = at->first;
    Delivery delivery = std::move(at->second);
    held_.erase(at);
    switch (Below(5)) {
      case 0:
        ASSERT_TRUE(runner_.Run(delivery.Ack()));
        model_.held.erase(place);
        break;
      case 1:
        ASSERT_TRUE(runner_.Run(delivery.Nack()));
        model_.Nack(place, Now());
        break;
      case 2: {
        const milliseconds delay(Below(2) * Below(50));
        ASSERT_TRUE(runner_.Run(delivery.Retry("failed", delay, timers_.Now())));
        model_.Retry(place, Now(), delay.count());
        break;
      }
      case 3:
        ASSERT_TRUE(runner_.Run(delivery.Bury(DeathReason::kRejected, "bad", timers_.Now())));
        model_.Bury(place);
        break;
      default: {
        const Delivery dropped = std::move(delivery);
        model_.Drop(place, Now());
      }
    }
  }
  void Pass() {
    timers_.Advance(milliseconds(Below(20)));
    model_.Pass(Now());
  }
  // A transport that ends gives back what it holds; whoever has it can settle it no more.
  void Reconnect() {
    runner_.Run(transport_->Close());
    for (auto& [place, delivery] : held_) {
      ASSERT_EQ(runner_.Run(delivery.Ack()).error().code(), ErrorCode::kConflict);
      model_.Drop(place, Now());
    }
    Connect();
  }
  void Purge() {
    const auto purged = runner_.Run(transport_->Purge("jobs"));
    ASSERT_TRUE(purged);
    ASSERT_EQ(*purged, model_.ready.size() + model_.delayed.size());
    model_.ready.clear();
    model_.delayed.clear();
  }

  void Compare() {
    const auto stats = runner_.Run(transport_->Stats("jobs"));
    ASSERT_TRUE(stats);
    ASSERT_EQ(stats->ready, model_.ready.size());
    ASSERT_EQ(stats->delayed, model_.delayed.size());
    ASSERT_EQ(stats->unsettled, model_.held.size());
    ASSERT_EQ(runner_.Run(transport_->Stats("jobs.dead"))->ready, model_.dead.size());
  }
  void CompareDead() {
    std::map<std::string, std::string> dead;
    for (;;) {
      auto popped = runner_.Run(transport_->Pop("jobs.dead", milliseconds(0)));
      ASSERT_TRUE(popped);
      if (!*popped) break;
      dead[(*popped)->message().id] = std::string((*popped)->message().headers.Get(header::kDeathReason));
      ASSERT_TRUE(runner_.Run((*popped)->Ack()));
    }
    ASSERT_EQ(dead, model_.dead);
  }

  std::mt19937 random_;
  testing::TaskRunner runner_;
  VirtualTimers timers_;
  LossLedger ledger_;
  std::shared_ptr<MemoryBroker> broker_ = std::make_shared<MemoryBroker>(timers_, &ledger_);
  std::unique_ptr<MemoryTransport> transport_;
  Model model_;
  std::map<std::uint64_t, Delivery> held_;
  int ids_ = 0;
};

TEST_P(MemoryModelTest, DoesWhatTheModelDoes) {
  const int operations = testing::FullSizes() ? 20'000 : 1'500;
  for (int i = 0; i < operations; ++i) {
    const int choice = Below(100);
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", operation " + std::to_string(i));
    if (choice < 35) {
      Publish();
    } else if (choice < 60) {
      Pop();
    } else if (choice < 85) {
      Settle();
    } else if (choice < 97) {
      Pass();
    } else if (choice < 99) {
      Reconnect();
    } else if (Below(5) == 0) {
      Purge();
    }
    if (HasFatalFailure()) return;
    Compare();
    if (HasFatalFailure()) return;
  }
  CompareDead();
}

INSTANTIATE_TEST_SUITE_P(Seeds, MemoryModelTest, ::testing::Range(1, 9));

}  // namespace
}  // namespace tidings::messaging
