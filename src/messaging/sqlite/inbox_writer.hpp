// InboxWriter: the thread on which units of an inbox are committed. Those that wait together share one transaction.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tidings/messaging/sqlite/inbox.hpp>

#include "queue_file.hpp"

namespace tidings::messaging::embedded {

class InboxRecord {
 public:
  InboxRecord(std::string message_id_, std::string consumer_, Millis at_)
      : message_id(std::move(message_id_)), consumer(std::move(consumer_)), at(at_) {}
  std::string message_id;
  std::string consumer;
  Millis at;
};

// How far a consumer is in a sequence.
class InboxPlace {
 public:
  InboxPlace(std::string consumer_, std::string sequence_, std::uint64_t number_, Millis at_)
      : consumer(std::move(consumer_)), sequence(std::move(sequence_)), number(number_), at(at_) {}
  std::string consumer;
  std::string sequence;
  std::uint64_t number;
  Millis at;
};

// A unit on its way to the disk and back.
class InboxOrder {
 public:
  std::vector<InboxRecord> records;
  std::vector<InboxPlace> places;
  std::vector<SqliteUnit::Effect> effects;
  // Instead of these: forget what is older, a part of it. How much was is left in `forgotten`.
  std::optional<Millis> forget;
  std::uint64_t forgotten = 0;
  Status outcome;
  // Any thread.
  std::move_only_function<void(std::unique_ptr<InboxOrder>)> done;
};

using InboxOrders = std::vector<std::unique_ptr<InboxOrder>>;

// What a failure means is as for Worker.
class InboxWriter {
 public:
  // Records that one transaction forgets by order.
  static constexpr std::size_t kMostForgotten = 1'000;

  InboxWriter(std::unique_ptr<QueueFile> file, const SqliteInbox::Options& options);
  ~InboxWriter();
  InboxWriter(const InboxWriter&) = delete;
  InboxWriter& operator=(const InboxWriter&) = delete;

  // Any thread. An order that is refused is done at once.
  void Submit(std::unique_ptr<InboxOrder> order);
  // Commits what waits and ends the thread. Idempotent.
  void Close();
  std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }

 private:
  void Loop();
  void Run(InboxOrders batch);
  void Transact(InboxOrders& batch);
  Status RunUnit(InboxOrder& order);
  Status Write(InboxOrder& order);
  void Failed(const sqlite::SqliteFailure& failure, InboxOrders batch);
  void End(const std::string& what);
  static void Answer(InboxOrders batch);
  static void RefuseAll(InboxOrders batch, const Error& error);

  std::unique_ptr<QueueFile> file_;
  const std::chrono::milliseconds keep_;
  const std::size_t most_waiting_;
  const std::function<void(const std::string&)> fatal_;

  std::mutex mutex_;
  std::condition_variable wake_;
  InboxOrders queue_;
  bool closing_ = false;

  std::optional<Error> dead_;  // the thread's own
  Millis swept_ = 0;           // when old places were looked for
  std::atomic<std::uint64_t> commits_{0};
  std::thread thread_;
};

}  // namespace tidings::messaging::embedded
