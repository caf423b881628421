// RouterConsumer: a consumer of the proof that works as a program of this library does: several messages at once, in order by
// number, an effect and its record in one transaction.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/order_by_number.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/messaging/sqlite/inbox.hpp>

namespace tidings::app {

class RouterConsumerOptions {
 public:
  std::string queue;
  bool by_arrival = false;  // in order by key as they come, without numbers
  std::string hold;         // a file: while it is there nothing is handled
};

class RouterConsumer {
 public:
  // All outlive it. REQUIRES: Stop is awaited before it goes if it was started and the process goes on.
  RouterConsumer(messaging::Transport& transport, messaging::Timers& timers, messaging::SqliteInbox& inbox,
                 RouterConsumerOptions options);
  // Again and again until it succeeds, or `stopped` says so.
  messaging::Task<void> Start(std::function<bool()> stopped);
  // As Router::Stop.
  messaging::Task<void> Stop(std::chrono::milliseconds deadline);

 private:
  messaging::Timers& timers_;
  messaging::Idempotent once_;
  messaging::OrderByNumber by_number_;
  messaging::Router router_;
};

}  // namespace tidings::app
