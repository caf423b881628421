// Declarer: exchanges, queues and bindings as RabbitMQ wants them, and what of them this process asked for.
//
// What exists is used as it is found. RabbitMQ closes the channel when it says no, so each batch has a channel of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/topology.hpp>

#include "connection.hpp"
#include "methods.hpp"

namespace tidings::messaging::rabbitmq {

// A channel for calls that may be refused; made again after each refusal.
class Scratch {
 public:
  explicit Scratch(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  Task<Result<Reply>> DeclareExchange(const ExchangeDeclaration& exchange);
  Task<Result<QueueDeclared>> DeclareQueue(const std::string& name, const QueueArguments& arguments);
  // kNotFound if there is none.
  Task<Result<QueueDeclared>> FindQueue(const std::string& name);
  Task<Status> Bind(const Binding& binding);
  Task<Result<std::uint32_t>> Purge(const std::string& queue);
  Task<Result<std::uint32_t>> Delete(const std::string& queue);

 private:
  Task<Status> Open();
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Channel> channel_;
};

// What this process declared, to be declared again after a reconnect.
class Registry {
 public:
  void Remember(const Topology& topology);
  void Forget(std::string_view queue);
  // Null if it was not declared here.
  const QueueOptions* Find(std::string_view queue) const;
  std::vector<std::string> Queues() const;
  bool has_exclusive() const;
  // Those that end with the connection, dead letters too.
  std::vector<std::string> Exclusive() const;
  // All of it; exclusive queues belong to one connection and are left out for others.
  Topology All(bool with_exclusive) const;

 private:
  std::map<std::string, ExchangeDeclaration, std::less<>> exchanges_;
  std::map<std::string, QueueDeclaration, std::less<>> queues_;
  std::vector<Binding> bindings_;
};

// The arguments of a queue and of its dead letters' queue.
QueueArguments ArgumentsOf(const std::string& name, const QueueOptions& options);
QueueArguments DeadLetterArguments(const QueueOptions& options);

enum class OnRefusal {
  kFail,  // the first one ends it
  kSkip,  // logged, and the rest is declared: after a reconnect
};

Task<Status> Declare(std::shared_ptr<Connection> connection, Topology topology, OnRefusal on_refusal);

}  // namespace tidings::messaging::rabbitmq
