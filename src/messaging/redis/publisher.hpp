// Publisher: messages to queues, many in one command.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/transport.hpp>

#include "client.hpp"
#include "routing_table.hpp"

namespace tidings::redis {

using messaging::Message;

class Publisher : public std::enable_shared_from_this<Publisher> {
 public:
  // How many queues it reached; 0 where it has no route.
  using Done = std::move_only_function<void(Result<std::size_t>)>;

  Publisher(Executor executor, std::shared_ptr<Client> client, std::shared_ptr<RoutingTable> table);

  // REQUIRES: the message is checked.
  void Add(std::shared_ptr<const Target> target, const Message& message, const messaging::PublishOptions& options,
           Done done);
  // What waits here goes to the client, which tells it what became of it.
  void Close();
  // Messages that have no answer yet.
  std::size_t unanswered() const { return unanswered_; }
  Signal& answered() { return answered_; }

 private:
  class Batch {
   public:
    std::shared_ptr<const Target> target;
    Arguments messages;
    std::vector<Done> done;
    std::size_t bytes = 0;
  };
  void Flush();
  void Send(const std::shared_ptr<Batch>& batch);
  void Answered(const std::shared_ptr<Batch>& batch, const Result<Value>& value);
  void Finish(Batch& batch, const std::function<Result<std::size_t>(std::size_t)>& result);
  Task<void> RouteAgain();

  Executor executor_;
  std::shared_ptr<Client> client_;
  std::shared_ptr<RoutingTable> table_;
  std::deque<std::shared_ptr<Batch>> open_;
  std::deque<std::shared_ptr<Batch>> stale_;
  Signal answered_;
  std::string token_;  // of the next message: a random part, then a number
  std::size_t random_size_ = 0;
  std::uint64_t tokens_ = 0;
  std::size_t unanswered_ = 0;
  std::size_t bytes_ = 0;  // of them
  bool flushing_ = false;
  bool routing_ = false;
};

}  // namespace tidings::redis
