// StreamGroup: this process's part in one consumer group: it follows the group's log, and adds its steps to it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>

#include "group_state.hpp"
#include "stream_tail.hpp"

namespace tidings::messaging::rabbitmq {

// The queue that is the log of a group. No name of a queue may hold the slash.
std::string GroupLogName(std::string_view stream, std::string_view group);

class StreamGroup final : public std::enable_shared_from_this<StreamGroup> {
 public:
  StreamGroup(Executor executor, Timers& timers, std::shared_ptr<Link> link, std::shared_ptr<Publisher> publisher,
              std::string log, std::chrono::milliseconds timeout);
  ~StreamGroup();

  // Has read the log when it returns. kNotFound: there is no log.
  Task<Status> Start(std::chrono::milliseconds timeout);
  // kUnavailable: what is kept of the log does not say where the group stands.
  Status Usable() const;
  // Adds the step to the log; what it led to. Unknown where the error is kTimeout.
  Task<Result<GroupOutcome>> Do(GroupStep step);
  // Until it has seen what stands at this offset of the log.
  Task<bool> Saw(std::uint64_t offset, std::chrono::milliseconds timeout) { return tail_->Saw(offset, timeout); }

  const GroupState& state() const { return replica_.state(); }
  const std::string& log() const { return log_; }
  bool ended() const { return tail_->ended(); }
  std::size_t awaited() const { return awaited_.size(); }
  // Where a group begins that shall lose nothing that this one owes.
  std::uint64_t Resume() const;
  void Stop() { tail_->Stop(); }

 private:
  // A step of which somebody here wants to know what it led to.
  class Awaited {
   public:
    bool seen = false;
    std::optional<GroupOutcome> outcome;
  };

  void OnEntry(const StreamItem& item);
  void WriteState();

  Executor executor_;
  std::string log_;
  GroupReplica replica_;
  std::map<std::string, Awaited, std::less<>> awaited_;  // by their stamps
  bool writing_state_ = false;
  std::shared_ptr<StreamTail> tail_;
};

}  // namespace tidings::messaging::rabbitmq
