#include "declarer.hpp"

#include <algorithm>
#include <utility>

#include <tidings/base/log.hpp>

namespace tidings::messaging::rabbitmq {
namespace {

bool Quorum(const QueueOptions& options) { return options.quorum && options.durable && !options.exclusive; }

// An exception of the broker, or the end of the connection.
bool IsRefusal(const std::shared_ptr<Connection>& connection) { return connection->open(); }

Task<Status> DeclareQueue(Scratch& scratch, const std::string& name, const QueueArguments& arguments) {
  const auto found = co_await scratch.FindQueue(name);
  if (found) co_return Status();
  if (found.error().code() != ErrorCode::kNotFound) co_return std::unexpected(found.error());
  const auto made = co_await scratch.DeclareQueue(name, arguments);
  // Another process may have made it in between, in another way: that one is used.
  if (made || made.error().message().contains("inequivalent arg")) co_return Status();
  co_return std::unexpected(made.error());
}

Task<Status> DeclareExchange(Scratch& scratch, const ExchangeDeclaration& exchange) {
  const auto made = co_await scratch.DeclareExchange(exchange);
  if (made) co_return Status();
  // The kind is compared first; an exchange that differs in the rest only is used as it is found.
  const std::string& why = made.error().message();
  if (why.contains("inequivalent arg") && !why.contains("inequivalent arg 'type'")) co_return Status();
  co_return std::unexpected(made.error());
}

}  // namespace

Task<Status> Scratch::Open() {
  if (channel_ && channel_->open()) co_return Status();
  channel_.reset();
  auto channel = co_await connection_->OpenChannel(nullptr);
  if (!channel) co_return std::unexpected(channel.error());
  channel_ = std::move(*channel);
  co_return Status();
}

Task<Result<Reply>> Scratch::DeclareExchange(const ExchangeDeclaration& exchange) {
  if (Status open = co_await Open(); !open) co_return std::unexpected(open.error());
  AppendExchangeDeclare(channel_->out(), channel_->number(), exchange.name, Name(exchange.kind), exchange.durable);
  co_return co_await channel_->Expect(Method::kExchangeDeclareOk);
}

Task<Result<QueueDeclared>> Scratch::DeclareQueue(const std::string& name, const QueueArguments& arguments) {
  if (Status open = co_await Open(); !open) co_return std::unexpected(open.error());
  AppendQueueDeclare(channel_->out(), channel_->number(), name, arguments);
  const auto reply = co_await channel_->Expect(Method::kQueueDeclareOk);
  if (!reply) co_return std::unexpected(reply.error());
  QueueDeclared declared;
  if (!ReadQueueDeclareOk(reply->payload, declared)) {
    co_return Fail(ErrorCode::kInternal, "RabbitMQ: queue.declare-ok is malformed");
  }
  co_return declared;
}

Task<Result<QueueDeclared>> Scratch::FindQueue(const std::string& name) {
  QueueArguments passive;
  passive.passive = true;
  co_return co_await DeclareQueue(name, passive);
}

Task<Status> Scratch::Bind(const Binding& binding) {
  if (Status open = co_await Open(); !open) co_return open;
  AppendQueueBind(channel_->out(), channel_->number(), binding.queue, binding.exchange, binding.pattern);
  const auto reply = co_await channel_->Expect(Method::kQueueBindOk);
  if (!reply) co_return std::unexpected(reply.error());
  co_return Status();
}

Task<Result<std::uint32_t>> Scratch::Purge(const std::string& queue) {
  if (Status open = co_await Open(); !open) co_return std::unexpected(open.error());
  AppendQueuePurge(channel_->out(), channel_->number(), queue);
  const auto reply = co_await channel_->Expect(Method::kQueuePurgeOk);
  if (!reply) co_return std::unexpected(reply.error());
  std::uint32_t count = 0;
  ReadMessageCount(reply->payload, count);
  co_return count;
}

Task<Result<std::uint32_t>> Scratch::Delete(const std::string& queue) {
  if (Status open = co_await Open(); !open) co_return std::unexpected(open.error());
  AppendQueueDelete(channel_->out(), channel_->number(), queue);
  const auto reply = co_await channel_->Expect(Method::kQueueDeleteOk);
  if (!reply) co_return std::unexpected(reply.error());
  std::uint32_t count = 0;
  ReadMessageCount(reply->payload, count);
  co_return count;
}

void Registry::Remember(const Topology& topology) {
  for (const auto& exchange : topology.exchanges()) exchanges_.insert_or_assign(exchange.name, exchange);
  // The first declaration is what the queue is like; a later one found it there.
  for (const auto& queue : topology.queues()) queues_.try_emplace(queue.name, queue);
  for (const auto& binding : topology.bindings()) {
    if (std::ranges::find(bindings_, binding) == bindings_.end()) bindings_.push_back(binding);
  }
}

void Registry::Forget(std::string_view queue) {
  if (const auto found = queues_.find(queue); found != queues_.end()) queues_.erase(found);
  std::erase_if(bindings_, [&](const Binding& binding) { return binding.queue == queue; });
}

const QueueOptions* Registry::Find(std::string_view queue) const {
  const auto found = queues_.find(queue);
  return found == queues_.end() ? nullptr : &found->second.options;
}

std::vector<std::string> Registry::Queues() const {
  std::vector<std::string> names;
  names.reserve(queues_.size());
  for (const auto& [name, declaration] : queues_) names.push_back(name);
  return names;
}

bool Registry::has_exclusive() const {
  return std::ranges::any_of(queues_, [](const auto& entry) { return entry.second.options.exclusive; });
}

std::vector<std::string> Registry::Exclusive() const {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) {
    if (!queue.options.exclusive) continue;
    names.push_back(name);
    if (queue.options.dead_letters) names.push_back(DeadLetterQueue(name));
  }
  return names;
}

Topology Registry::All(bool with_exclusive) const {
  Topology topology;
  for (const auto& [name, exchange] : exchanges_) topology.AddExchange(name, exchange.kind, exchange.durable);
  for (const auto& [name, queue] : queues_) {
    if (with_exclusive || !queue.options.exclusive) topology.AddQueue(name, queue.options);
  }
  for (const auto& binding : bindings_) {
    const QueueOptions* options = Find(binding.queue);
    if (with_exclusive || options == nullptr || !options->exclusive) {
      topology.Bind(binding.exchange, binding.queue, binding.pattern);
    }
  }
  return topology;
}

QueueArguments ArgumentsOf(const std::string& name, const QueueOptions& options) {
  QueueArguments arguments;
  arguments.durable = options.durable && !options.exclusive;
  arguments.exclusive = options.exclusive;
  const bool quorum = Quorum(options);
  Writer writer(arguments.table);
  TableWriter table(writer);
  if (quorum) table.Text("x-queue-type", "quorum");
  // A classic queue refuses it with 406.
  if (quorum && options.delivery_limit > 0) table.Integer("x-delivery-limit", options.delivery_limit);
  if (options.single_active && !options.exclusive) table.Bool("x-single-active-consumer", true);
  if (options.dead_letters) {
    table.Text("x-dead-letter-exchange", "").Text("x-dead-letter-routing-key", DeadLetterQueue(name));
    // Kept until the queue of dead letters has confirmed it; asks for reject-publish.
    if (quorum) table.Text("x-dead-letter-strategy", "at-least-once");
  }
  if (options.max_length) table.Integer("x-max-length", static_cast<std::int64_t>(*options.max_length));
  if (options.max_length || (quorum && options.dead_letters)) table.Text("x-overflow", "reject-publish");
  if (options.message_ttl) table.Integer("x-message-ttl", options.message_ttl->count());
  table.End();
  arguments.table.erase(0, 4);
  return arguments;
}

QueueArguments DeadLetterArguments(const QueueOptions& options) {
  QueueArguments arguments;
  arguments.durable = options.durable && !options.exclusive;
  arguments.exclusive = options.exclusive;
  if (Quorum(options)) {
    Writer writer(arguments.table);
    TableWriter table(writer);
    table.Text("x-queue-type", "quorum");
    table.End();
    arguments.table.erase(0, 4);
  }
  return arguments;
}

Task<Status> Declare(std::shared_ptr<Connection> connection, Topology topology, OnRefusal on_refusal) {
  Scratch scratch(connection);
  Status first;
  // Whether to go on.
  const auto take = [&](const Status& status, const std::string& what) {
    if (status) return true;
    if (first) first = std::unexpected(status.error().Within(what));
    if (on_refusal == OnRefusal::kFail || !IsRefusal(connection)) return false;
    log::Warning("rabbitmq topology refused", {{"what", what}, {"why", status.error().message()}});
    return true;
  };
  for (const auto& exchange : topology.exchanges()) {
    const Status declared = co_await DeclareExchange(scratch, exchange);
    if (!take(declared, "exchange " + exchange.name)) co_return first;
  }
  for (const auto& queue : topology.queues()) {
    if (queue.options.dead_letters) {
      const std::string dead = DeadLetterQueue(queue.name);
      const Status declared = co_await DeclareQueue(scratch, dead, DeadLetterArguments(queue.options));
      if (!take(declared, "queue " + dead)) co_return first;
    }
    const Status declared = co_await DeclareQueue(scratch, queue.name, ArgumentsOf(queue.name, queue.options));
    if (!take(declared, "queue " + queue.name)) co_return first;
  }
  for (const auto& binding : topology.bindings()) {
    const Status bound = co_await scratch.Bind(binding);
    if (!take(bound, "binding of " + binding.queue + " to " + binding.exchange)) co_return first;
  }
  if (on_refusal == OnRefusal::kSkip && connection->open()) co_return Status();
  co_return first;
}

}  // namespace tidings::messaging::rabbitmq
