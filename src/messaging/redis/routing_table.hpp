// RoutingTable: exchanges and bindings as they lie in Redis, with the version that a publish must find unchanged there.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tidings/messaging/topology.hpp>

#include "client.hpp"
#include "keys.hpp"

namespace tidings::redis {

// Where messages of one kind go. What is the same for each of them is written once.
class Target {
 public:
  std::string exchange;  // empty: straight to a queue
  std::string routing_key;
  std::string version;
  std::vector<std::string> queues;
  Arguments head;  // of scripts::kPublish, up to the messages
};

class RoutingTable {
 public:
  RoutingTable(std::shared_ptr<Client> client, Keys keys) : client_(std::move(client)), keys_(std::move(keys)) {}

  // Straight to `queue`, whether there is one or not.
  std::shared_ptr<const Target> Straight(const std::string& queue);
  // As the table was when it was loaded last. Nothing if it does not know the exchange.
  std::shared_ptr<const Target> Route(const std::string& exchange, const std::string& routing_key);
  Task<Status> Load();
  const std::string& version() const { return version_; }
  bool loaded() const { return !version_.empty(); }

 private:
  class Exchange {
   public:
    messaging::ExchangeKind kind{};
    std::vector<messaging::Binding> bindings;
  };
  std::shared_ptr<const Target> Make(const std::string& exchange, const std::string& routing_key,
                                     std::vector<std::string> queues) const;

  std::shared_ptr<Client> client_;
  Keys keys_;
  std::string version_;
  std::map<std::string, Exchange, std::less<>> exchanges_;
  // By exchange, blank, routing key. Emptied when it has grown too large.
  std::unordered_map<std::string, std::shared_ptr<const Target>> targets_;
};

}  // namespace tidings::redis
