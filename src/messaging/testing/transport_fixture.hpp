// TransportFixture: what the tests of the conformance suites have at hand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
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
std::string Difference(const Message& came, const Message& sent, bool in_order);

class TransportFixture : public ::testing::TestWithParam<Case> {
 protected:
  using ms = std::chrono::milliseconds;

  void SetUp() override;
  void TearDown() override;

  const Features& features() const { return GetParam().features; }
  // Whether to take the sizes of `./dev test --full`.
  bool Large() const { return FullSizes() && !features().slow; }
  ms unit() const { return features().unit; }
  Transport& transport() { return *transport_; }
  const Capabilities& capabilities() { return transport_->capabilities(); }
  TransportEnvironment& environment() { return *environment_; }
  LossLedger& ledger() { return ledger_; }
  Timers& timers();
  // REQUIRES: features().virtual_time.
  VirtualTimers& virtual_timers() { return *virtual_timers_; }

  std::unique_ptr<Transport> Open();
  // Closes the transport and opens one over the same data. REQUIRES: features().reopens.
  void Reopen();

  template <class T>
  T Run(Task<T> task) {
    return runner_.Run(std::move(task));
  }
  void Spawn(Task<void> task) { runner_.Spawn(std::move(task)); }
  bool Until(const std::function<bool()>& condition) { return runner_.Until(condition); }
  // Until `count` is so high, however long it takes, as long as it rises.
  bool UntilAll(std::size_t all, const std::function<std::size_t()>& count);
  // Lets time pass, virtual or real.
  void Pass(ms duration);
  // Long enough for what goes on by itself to be done, or to show that it is not done.
  void Settle() { runner_.RunFor(features().virtual_time ? features().settling : std::min(unit() / 2, ms(50))); }

  // `after` from now on, for PastIt.
  Millis Moment(ms after) { return timers().Steady() + after.count(); }
  bool PastIt(Millis moment) { return timers().Steady() >= moment; }
  // For what a test must do, or look at, before a time is over: on a starved machine it may come too late, and then says
  // nothing. `attempt` is given a unit of time and returns whether it was in time, before it expects anything that hangs on
  // that; if not, it is made again, on other queues, with twice the unit.
  void InTime(const std::function<bool(ms unit)>& attempt);

  // A name that no other test uses, whose queue ends with the test.
  std::string Name(const std::string& noun);
  // A new queue.
  std::string Queue(const QueueOptions& options = QueueOptions(), const std::string& noun = "jobs");
  void Declare(const Topology& topology);

  static Message Numbered(int number) { return Message("test.numbered", std::to_string(number)); }
  Result<std::size_t> TryPublish(Address to, Message message, PublishOptions options = PublishOptions());
  std::size_t Publish(const std::string& queue, Message message, PublishOptions options = PublishOptions());
  // Bodies "0" to "count - 1"; returns the ids.
  std::vector<std::string> PublishNumbered(const std::string& queue, int count);

  std::unique_ptr<Consumer> Consume(const std::string& queue, std::uint16_t prefetch = 16);
  std::unique_ptr<Consumer> Consume(const std::string& queue, const ConsumeOptions& options);
  // What consumers of these tests are given.
  ms lease() const { return features().lease.value_or(20 * unit()); }
  Delivery Next(Consumer& consumer);
  // The next message, which is there or on its way.
  Delivery Pop(const std::string& queue);
  // Nothing is there and nothing comes.
  bool Empty(const std::string& queue);
  QueueStats Stats(const std::string& queue);
  // Until so many are ready.
  bool Ready(const std::string& queue, std::uint64_t count);
  void Ack(Delivery& delivery);
  // Takes and acknowledges until all of `ids` have come; returns the bodies in the order in which they came, repeats too.
  std::vector<std::string> TakeAll(const std::string& queue, const std::vector<std::string>& ids);
  static std::vector<std::string> Numbers(int count);

  TaskRunner runner_;
  LossLedger ledger_;
  std::optional<VirtualTimers> virtual_timers_;
  std::optional<SystemTimers> system_timers_;
  std::unique_ptr<TransportEnvironment> environment_;
  std::vector<std::string> names_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace tidings::messaging::testing
