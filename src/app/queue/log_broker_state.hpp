// LogBrokerState: what the broker of the embedded queues knows by name, how its queues read the log and are saved.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/app/log_transport.hpp>
#include <tidings/messaging/loss_ledger.hpp>

#include "log_queue.hpp"
#include "log_views.hpp"

namespace tidings::app {

class LogConnection;

class LogExchange {
 public:
  explicit LogExchange(messaging::ExchangeKind kind_) : kind(kind_) {}
  messaging::ExchangeKind kind;
  bool durable = true;
  bool collected = false;
  std::vector<std::pair<std::string, chat::QueueKey>> bindings;  // (pattern, queue)
};

class LogBrokerState : public std::enable_shared_from_this<LogBrokerState> {
 public:
  LogBrokerState(messaging::Executor executor, messaging::Timers& timers, messaging::LossLedger& ledger,
                 LogSources sources, LogBrokerOptions options);
  ~LogBrokerState();

  messaging::Task<Status> Open();
  messaging::Task<Status> Close();
  // Ends everything as it is: whatever is under way may outlive the broker, and finds nothing to do any more.
  void Abandon();
  bool closed() const { return closed_; }
  // Any thread.
  void Wake();

  const messaging::Executor& executor() const { return executor_; }
  messaging::Timers& timers() { return timers_; }
  const LogBrokerOptions& options() const { return options_; }
  LogViews& views() { return views_; }
  chat::Position Head() const { return sources_.store.Head(); }
  void Lose(messaging::LossCause cause, std::string_view where, std::uint64_t messages = 1) {
    ledger_.Count(cause, where, messages);
  }

  // All or nothing, in memory; Save makes it durable. `connection` becomes the owner of exclusive queues.
  Status Declare(const messaging::Topology& topology, QueueStart start, const void* connection);
  // kNotFound; kConflict if it belongs to another connection.
  Result<std::shared_ptr<LogQueue>> Find(std::string_view queue, const void* connection);
  // Null if there is none.
  LogQueue* Queue(std::string_view name);
  // Makes the queue again if it was deleted.
  LogQueue& DeadLettersOf(const LogQueue& queue);
  void Delete(const std::string& queue);
  void DeleteExclusiveOf(const void* connection);
  std::vector<std::string> Queues(const void* connection) const;
  messaging::Topology TopologyNow() const;
  bool HasExchange(std::string_view name) const { return exchanges_.contains(name); }
  std::vector<LogQueueDepth> Depths() const;
  // A place behind everything that there is.
  chat::QueuePlace NextPlace() { return {Head(), ++number_}; }

  // In one commit all of them are accepted, or none. Returns the number of queues that the last one reached.
  messaging::Task<Result<std::size_t>> Publish(std::vector<messaging::Outgoing> messages);

  // Reads what the queue's takers lack, beside them; LogQueue::filled tells when it is done.
  void Fill(LogQueue& queue);
  // From now on Wake does something.
  void WantMore();

  // What was noted so far is on disk when it returns success.
  messaging::Task<Status> Save();
  void SaveSoon();

  void Add(LogConnection& connection) { connections_.push_back(&connection); }
  void Remove(LogConnection& connection) { std::erase(connections_, &connection); }
  std::size_t connections() const { return connections_.size(); }

 private:
  using Queues_ = std::map<std::string, std::shared_ptr<LogQueue>, std::less<>>;

  Status CheckDeclaration(const messaging::Topology& topology, const void* connection);
  std::shared_ptr<LogQueue> AddQueue(const std::string& name, const messaging::QueueOptions& options,
                                     const void* owner);
  chat::Position PlaceOf(QueueStart start) const;
  // What is bound to the log for the first time begins behind `from`.
  void Bind(const messaging::Binding& binding, chat::Position from);
  void RemoveQueue(const std::string& queue);
  Result<std::vector<LogQueue*>> Route(const messaging::Outgoing& outgoing);
  void Restore(const chat::QueueRows& rows);
  messaging::Task<void> FillNow(std::shared_ptr<LogQueue> queue);
  void ReadEnded();
  messaging::Task<void> Saving();
  messaging::Task<Status> SaveOnce();
  void StartSaving();

  messaging::Executor executor_;
  messaging::Timers& timers_;
  messaging::LossLedger& ledger_;
  LogSources sources_;
  const LogBrokerOptions options_;
  LogViews views_;
  Queues_ queues_;
  std::map<chat::QueueKey, LogQueue*> by_key_;
  std::map<std::string, LogExchange, std::less<>> exchanges_;
  std::vector<LogConnection*> connections_;
  chat::QueueKey last_key_ = 0;
  std::uint64_t number_ = 0;
  bool closed_ = false;

  std::vector<chat::QueueKey> removed_;
  std::uint64_t asked_ = 0;  // saves asked for, and done, and that failed last
  std::uint64_t saved_ = 0;
  std::uint64_t failed_ = 0;
  Status last_save_;
  bool saving_ = false;
  bool save_soon_ = false;
  messaging::Alarm save_alarm_;
  messaging::Signal save_ended_;
  messaging::Signal read_ended_;
  std::size_t reading_ = 0;  // questions to the reading threads, for queues that are to be filled
  const chat::Position made_at_;

  std::atomic<bool> wanted_{false};
  std::atomic<bool> woken_{false};
};

}  // namespace tidings::app
