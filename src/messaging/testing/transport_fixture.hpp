// TransportFixture: what the tests of the conformance suites have at hand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/id.hpp>

#include "task_runner.hpp"
#include "transport_case.hpp"

namespace tidings::messaging::testing {

// The value; a failure ends the test with its text.
template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(std::string(WireCode(result.error().code())) + ": " + result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <class T>
std::optional<ErrorCode> CodeOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

// What of a message is otherwise than it was sent, in words; "" if nothing is.
inline std::string Difference(const Message& came, const Message& sent, bool in_order) {
  std::string text;
  const auto compare = [&](const std::string& part, std::string_view now, std::string_view then) {
    if (now == then) return;
    const auto shown = [](std::string_view value) {
      return std::to_string(value.size()) + " bytes: " + ::testing::PrintToString(std::string(value.substr(0, 80)));
    };
    text += part + " has " + shown(now) + " where " + shown(then) + " were sent; ";
  };
  compare("id", came.id, sent.id);
  compare("type", came.type, sent.type);
  compare("key", came.key, sent.key);
  compare("body", came.body, sent.body);
  const auto names = [&](const Headers& headers) {
    std::vector<std::string> all;
    for (const auto& [name, value] : headers) all.push_back(name);
    if (!in_order) std::ranges::sort(all);
    std::string list;
    for (const std::string& name : all) list += name + " ";
    return list;
  };
  compare("the list of headers", names(came.headers), names(sent.headers));
  for (const auto& [name, value] : sent.headers) compare("header " + name, came.headers.Get(name), value);
  return text;
}

class TransportFixture : public ::testing::TestWithParam<Case> {
 protected:
  using ms = std::chrono::milliseconds;

  void SetUp() override {
    environment_ = GetParam().make();
    if (features().virtual_time) {
      virtual_timers_.emplace();
    } else {
      system_timers_.emplace(runner_.executor());
    }
    transport_ = Open();
  }

  void TearDown() override {
    // After a failure something may wait still for what is gone by now.
    if (!transport_ || HasFailure()) return;
    if (!environment_->leaves_queues()) {
      for (const std::string& name : names_) (void)Run(transport_->DeleteQueue(name));
    }
    Run(transport_->Close());
  }

  const Features& features() const { return GetParam().features; }
  // Whether to take the sizes of `./dev test --full`.
  bool Large() const { return FullSizes() && !features().slow; }
  ms unit() const { return features().unit; }
  Transport& transport() { return *transport_; }
  const Capabilities& capabilities() { return transport_->capabilities(); }
  TransportEnvironment& environment() { return *environment_; }
  LossLedger& ledger() { return ledger_; }
  Timers& timers() {
    if (virtual_timers_) return *virtual_timers_;
    return *system_timers_;
  }
  // REQUIRES: features().virtual_time.
  VirtualTimers& virtual_timers() { return *virtual_timers_; }

  std::unique_ptr<Transport> Open() {
    auto opened = Run(environment_->Open(runner_.executor(), timers(), ledger_));
    return Must(std::move(opened));
  }
  // Closes the transport and opens one over the same data. REQUIRES: features().reopens.
  void Reopen() {
    Run(transport_->Close());
    transport_.reset();
    transport_ = Open();
  }

  template <class T>
  T Run(Task<T> task) {
    return runner_.Run(std::move(task));
  }
  void Spawn(Task<void> task) { runner_.Spawn(std::move(task)); }
  bool Until(const std::function<bool()>& condition) { return runner_.Until(condition); }
  // Until `count` is so high, however long it takes, as long as it rises.
  bool UntilAll(std::size_t all, const std::function<std::size_t()>& count) {
    for (std::size_t before = count(); before < all; before = count()) {
      if (!Until([&] { return count() > before; })) return false;
    }
    return true;
  }
  // Lets time pass, virtual or real.
  void Pass(ms duration) {
    if (!virtual_timers_) return runner_.RunFor(duration);
    Settle();
    virtual_timers_->Advance(duration);
    Settle();
  }
  // Long enough for what goes on by itself to be done, or to show that it is not done.
  void Settle() { runner_.RunFor(features().virtual_time ? features().settling : std::min(unit() / 2, ms(50))); }

  // `after` from now on, for PastIt.
  Millis Moment(ms after) { return timers().Steady() + after.count(); }
  bool PastIt(Millis moment) { return timers().Steady() >= moment; }
  // For what a test must do, or look at, before a time is over: on a starved machine it may come too late, and then says
  // nothing. `attempt` is given a unit of time and returns whether it was in time, before it expects anything that hangs on
  // that; if not, it is made again, on other queues, with twice the unit.
  void InTime(const std::function<bool(ms unit)>& attempt) {
    for (ms longer = unit(); longer <= 32 * unit(); longer *= 2) {
      if (attempt(longer) || HasFailure()) return;
    }
    FAIL() << "the machine is too slow to tell, with times of " << (32 * unit()).count() << " ms too";
  }

  // A name that no other test uses, whose queue ends with the test.
  std::string Name(const std::string& noun) {
    names_.push_back(noun + "-" + RandomToken(10));
    return names_.back();
  }
  // A new queue.
  std::string Queue(const QueueOptions& options = QueueOptions(), const std::string& noun = "jobs") {
    std::string name = Name(noun);
    Declare(Topology().AddQueue(name, options));
    return name;
  }
  void Declare(const Topology& topology) { Must(Run(transport().Declare(topology))); }

  static Message Numbered(int number) { return Message("test.numbered", std::to_string(number)); }
  Result<std::size_t> TryPublish(Address to, Message message, PublishOptions options = PublishOptions()) {
    return Run(transport().Publish(std::move(to), std::move(message), options));
  }
  std::size_t Publish(const std::string& queue, Message message, PublishOptions options = PublishOptions()) {
    return Must(TryPublish(Address::Queue(queue), std::move(message), options));
  }
  // Bodies "0" to "count - 1"; returns the ids.
  std::vector<std::string> PublishNumbered(const std::string& queue, int count) {
    std::vector<std::string> ids;
    std::vector<Outgoing> all;
    for (int i = 0; i < count; ++i) {
      all.emplace_back(Address::Queue(queue), Numbered(i));
      ids.push_back(all.back().message.id);
    }
    Must(Run(transport().PublishAll(std::move(all))));
    return ids;
  }

  std::unique_ptr<Consumer> Consume(const std::string& queue, std::uint16_t prefetch = 16) {
    ConsumeOptions options(prefetch);
    options.lease = lease();
    return Consume(queue, options);
  }
  std::unique_ptr<Consumer> Consume(const std::string& queue, const ConsumeOptions& options) {
    return Must(Run(transport().Consume(queue, options)));
  }
  // What consumers of these tests are given.
  ms lease() const { return features().lease.value_or(20 * unit()); }
  Delivery Next(Consumer& consumer) { return Must(Run(consumer.Next())); }
  // The next message, which is there or on its way.
  Delivery Pop(const std::string& queue) {
    auto popped = Must(Run(transport().Pop(queue, ms(features().virtual_time ? 0 : 10'000))));
    const auto there = [&] {
      if (!popped) popped = Must(Run(transport().Pop(queue, ms(0))));
      return popped.has_value();
    };
    if (!Until(there)) throw std::runtime_error("there is no message in queue " + queue);
    return std::move(*popped);
  }
  // Nothing is there and nothing comes.
  bool Empty(const std::string& queue) {
    Settle();
    return !Must(Run(transport().Pop(queue, ms(0)))).has_value();
  }
  QueueStats Stats(const std::string& queue) { return Must(Run(transport().Stats(queue))); }
  // Until so many are ready.
  bool Ready(const std::string& queue, std::uint64_t count) {
    return Until([&] { return Stats(queue).ready == count; });
  }
  void Ack(Delivery& delivery) { Must(Run(delivery.Ack())); }
  // Takes and acknowledges until all of `ids` have come; returns the bodies in the order in which they came, repeats too.
  std::vector<std::string> TakeAll(const std::string& queue, const std::vector<std::string>& ids) {
    std::set<std::string> missing(ids.begin(), ids.end());
    std::vector<std::string> bodies;
    while (!missing.empty()) {
      Delivery delivery = Pop(queue);
      bodies.push_back(delivery.message().body);
      missing.erase(delivery.message().id);
      Ack(delivery);
    }
    return bodies;
  }
  static std::vector<std::string> Numbers(int count) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
    return numbers;
  }

  TaskRunner runner_;
  LossLedger ledger_;
  std::optional<VirtualTimers> virtual_timers_;
  std::optional<SystemTimers> system_timers_;
  std::unique_ptr<TransportEnvironment> environment_;
  std::vector<std::string> names_;
  std::unique_ptr<Transport> transport_;
};

// The tests of queues and exchanges. Each part of the suite has its tests in a header of its own.
class TransportSuite : public TransportFixture {};

}  // namespace tidings::messaging::testing
