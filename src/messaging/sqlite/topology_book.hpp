// TopologyBook: the file's queues, exchanges and bindings, kept in memory and read again when another process changed them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/topology.hpp>

namespace tidings::messaging::embedded {

using QueueId = std::int64_t;

class QueueInfo {
 public:
  QueueId id = 0;
  std::string name;
  QueueOptions options;
  std::optional<std::int64_t> exclusive_owner;
};

// All calls within a transaction that writes; they throw SqliteFailure. After a rollback: Load.
class TopologyBook {
 public:
  explicit TopologyBook(sqlite::Database& database);

  void Load();
  // Reads everything again if the file's topology is another one than was read. True if it was.
  bool LoadIfChanged();

  const QueueInfo* Find(const std::string& name) const;
  const QueueInfo* Find(QueueId id) const;
  std::vector<std::string> Names() const;
  // kConflict: an exchange exists with another kind. kNotFound: a binding names what does not exist. Nothing was written
  // then. An exclusive queue becomes the owner's.
  Status Declare(const Topology& topology, std::int64_t owner);
  QueueId MakeQueue(const std::string& name, const QueueOptions& options, std::optional<std::int64_t> owner);
  QueueId MakeDeadLetterQueue(const QueueInfo& of);
  // The row and its bindings; what is in the queue is not this class's.
  void RemoveQueue(QueueId id);
  // Those that do not outlive their users, and whose users are gone.
  std::vector<QueueId> ExclusiveOf(std::int64_t owner) const;
  std::vector<QueueId> NotDurable() const;
  void RemoveExchangesNotDurable();

  // The queues that a message goes to, each once. kNotFound: no such exchange or queue.
  Result<std::vector<QueueId>> Route(const std::string& exchange, const std::string& routing_key) const;

 private:
  class BoundQueue {
   public:
    std::string pattern;
    QueueId queue = 0;
  };
  class ExchangeInfo {
   public:
    ExchangeKind kind = ExchangeKind::kDirect;
    bool durable = true;
    std::vector<BoundQueue> bindings;
  };

  Status CheckDeclaration(const Topology& topology, std::int64_t owner) const;
  void Changed();

  sqlite::Database& database_;
  sqlite::Statement version_statement_;
  std::int64_t version_ = -1;
  std::map<QueueId, QueueInfo> queues_;
  std::map<std::string, QueueId, std::less<>> by_name_;
  std::map<std::string, ExchangeInfo, std::less<>> exchanges_;
};

}  // namespace tidings::messaging::embedded
