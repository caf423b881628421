#include "topology_book.hpp"

#include <algorithm>
#include <set>

namespace tidings::messaging::embedded {
namespace {

ExchangeKind KindOf(std::string_view name) {
  for (const ExchangeKind kind : {ExchangeKind::kTopic, ExchangeKind::kFanout}) {
    if (name == Name(kind)) return kind;
  }
  return ExchangeKind::kDirect;
}

std::optional<std::int64_t> Count(const std::optional<std::chrono::milliseconds>& time) {
  if (!time) return std::nullopt;
  return time->count();
}

}  // namespace

TopologyBook::TopologyBook(sqlite::Database& database)
    : database_(database), version_statement_(database, "SELECT value FROM meta WHERE name = 'topology'") {}

void TopologyBook::Load() {
  version_ = version_statement_.Number().value_or(0);
  queues_.clear();
  by_name_.clear();
  exchanges_.clear();
  sqlite::Statement queues(database_,
                           "SELECT id, name, durable, exclusive_owner, dead_letters, delivery_limit, max_length, "
                           "message_ttl, single_active FROM queues");
  for (auto rows = queues.Query(); rows.Next();) {
    QueueInfo queue;
    queue.id = rows.Int(0);
    queue.name = rows.Text(1);
    queue.options.durable = rows.Int(2) != 0;
    if (!rows.Null(3)) queue.exclusive_owner = rows.Int(3);
    queue.options.exclusive = queue.exclusive_owner.has_value();
    queue.options.dead_letters = rows.Int(4) != 0;
    queue.options.delivery_limit = static_cast<std::uint32_t>(rows.Int(5));
    if (!rows.Null(6)) queue.options.max_length = rows.Whole(6);
    if (!rows.Null(7)) queue.options.message_ttl = std::chrono::milliseconds(rows.Int(7));
    queue.options.single_active = rows.Int(8) != 0;
    by_name_[queue.name] = queue.id;
    queues_[queue.id] = std::move(queue);
  }
  sqlite::Statement exchanges(database_, "SELECT name, kind, durable FROM exchanges");
  for (auto rows = exchanges.Query(); rows.Next();) {
    ExchangeInfo& exchange = exchanges_[std::string(rows.Text(0))];
    exchange.kind = KindOf(rows.Text(1));
    exchange.durable = rows.Int(2) != 0;
  }
  sqlite::Statement bindings(database_, "SELECT exchange, pattern, queue FROM bindings");
  for (auto rows = bindings.Query(); rows.Next();) {
    BoundQueue bound;
    bound.pattern = rows.Text(1);
    bound.queue = rows.Int(2);
    exchanges_[std::string(rows.Text(0))].bindings.push_back(std::move(bound));
  }
}

bool TopologyBook::LoadIfChanged() {
  if (version_statement_.Number().value_or(0) == version_) return false;
  Load();
  return true;
}

const QueueInfo* TopologyBook::Find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : Find(found->second);
}

const QueueInfo* TopologyBook::Find(QueueId id) const {
  const auto found = queues_.find(id);
  return found == queues_.end() ? nullptr : &found->second;
}

std::vector<std::string> TopologyBook::Names() const {
  std::vector<std::string> names;
  names.reserve(by_name_.size());
  for (const auto& [name, id] : by_name_) names.push_back(name);
  return names;
}

Status TopologyBook::CheckDeclaration(const Topology& topology, std::int64_t owner) const {
  if (auto valid = Check(topology); !valid) return valid;
  std::map<std::string, ExchangeKind> kinds;
  for (const auto& [name, exchange] : exchanges_) kinds[name] = exchange.kind;
  for (const auto& exchange : topology.exchanges()) {
    const auto [found, made] = kinds.emplace(exchange.name, exchange.kind);
    if (found->second == exchange.kind) continue;
    return Fail(ErrorCode::kConflict, "the exchange " + exchange.name + " exists and is " +
                                          std::string(Name(found->second)) + ", not " +
                                          std::string(Name(exchange.kind)) + "; delete it or use another name");
  }
  std::set<std::string> queues;
  for (const auto& queue : topology.queues()) {
    queues.insert(queue.name);
    const QueueInfo* found = Find(queue.name);
    if (found == nullptr || !found->exclusive_owner || found->exclusive_owner == owner) continue;
    return Fail(ErrorCode::kConflict, "the queue " + queue.name + " is another connection's own");
  }
  for (const auto& binding : topology.bindings()) {
    if (!kinds.contains(binding.exchange)) {
      return Fail(ErrorCode::kNotFound, "there is no exchange " + binding.exchange + " to bind to; declare it");
    }
    if (!queues.contains(binding.queue) && Find(binding.queue) == nullptr) {
      return Fail(ErrorCode::kNotFound, "there is no queue " + binding.queue + " to bind; declare it");
    }
  }
  return {};
}

Status TopologyBook::Declare(const Topology& topology, std::int64_t owner) {
  if (auto valid = CheckDeclaration(topology, owner); !valid) return valid;
  const std::int64_t before = database_.Changes();
  sqlite::Statement add_exchange(database_, "INSERT OR IGNORE INTO exchanges (name, kind, durable) VALUES (?, ?, ?)");
  for (const auto& exchange : topology.exchanges()) {
    add_exchange.Execute(exchange.name, Name(exchange.kind), exchange.durable);
  }
  for (const auto& queue : topology.queues()) {
    const auto own = queue.options.exclusive ? std::optional(owner) : std::nullopt;
    if (Find(queue.name) == nullptr) MakeQueue(queue.name, queue.options, own);
    const QueueInfo info = *Find(queue.name);
    if (info.options.dead_letters && Find(DeadLetterQueue(info.name)) == nullptr) MakeDeadLetterQueue(info);
  }
  sqlite::Statement bind(database_, "INSERT OR IGNORE INTO bindings (exchange, queue, pattern) VALUES (?, ?, ?)");
  for (const auto& binding : topology.bindings()) {
    bind.Execute(binding.exchange, Find(binding.queue)->id, binding.pattern);
  }
  if (database_.Changes() != before) Changed();
  return {};
}

QueueId TopologyBook::MakeDeadLetterQueue(const QueueInfo& of) {
  QueueOptions options;
  options.durable = of.options.durable;
  options.dead_letters = false;
  options.delivery_limit = 0;
  return MakeQueue(DeadLetterQueue(of.name), options, of.exclusive_owner);
}

QueueId TopologyBook::MakeQueue(const std::string& name, const QueueOptions& options,
                                std::optional<std::int64_t> owner) {
  sqlite::Statement add(database_,
                        "INSERT INTO queues (name, durable, exclusive_owner, dead_letters, delivery_limit, max_length, "
                        "message_ttl, single_active, last_message, kept) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)");
  add.Execute(name, options.durable && !owner, owner, options.dead_letters, options.delivery_limit, options.max_length,
              Count(options.message_ttl), options.single_active);
  Changed();
  return Find(name)->id;
}

void TopologyBook::RemoveQueue(QueueId id) {
  sqlite::Statement(database_, "DELETE FROM bindings WHERE queue = ?").Execute(id);
  sqlite::Statement(database_, "DELETE FROM queues WHERE id = ?").Execute(id);
  Changed();
}

std::vector<QueueId> TopologyBook::ExclusiveOf(std::int64_t owner) const {
  std::vector<QueueId> found;
  for (const auto& [id, queue] : queues_) {
    if (queue.exclusive_owner == owner) found.push_back(id);
  }
  return found;
}

std::vector<QueueId> TopologyBook::NotDurable() const {
  std::vector<QueueId> found;
  for (const auto& [id, queue] : queues_) {
    if (!queue.options.durable) found.push_back(id);
  }
  return found;
}

void TopologyBook::RemoveExchangesNotDurable() {
  const std::int64_t before = database_.Changes();
  database_.Execute(
      "DELETE FROM bindings WHERE exchange IN (SELECT name FROM exchanges WHERE durable = 0);"
      "DELETE FROM exchanges WHERE durable = 0");
  if (database_.Changes() != before) Changed();
}

Result<std::vector<QueueId>> TopologyBook::Route(const std::string& exchange, const std::string& routing_key) const {
  if (exchange.empty()) {
    const QueueInfo* queue = Find(routing_key);
    if (queue == nullptr) return Fail(ErrorCode::kNotFound, "there is no queue " + routing_key + "; declare it");
    return std::vector<QueueId>{queue->id};
  }
  const auto found = exchanges_.find(exchange);
  if (found == exchanges_.end()) {
    return Fail(ErrorCode::kNotFound, "there is no exchange " + exchange + "; declare it");
  }
  std::vector<QueueId> queues;
  for (const BoundQueue& bound : found->second.bindings) {
    if (!Routes(found->second.kind, bound.pattern, routing_key)) continue;
    if (std::ranges::find(queues, bound.queue) == queues.end()) queues.push_back(bound.queue);
  }
  return queues;
}

void TopologyBook::Changed() {
  database_.Execute("UPDATE meta SET value = value + 1 WHERE name = 'topology'");
  Load();
}

}  // namespace tidings::messaging::embedded
