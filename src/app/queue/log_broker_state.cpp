#include "log_broker_state.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

#include <tidings/app/asking.hpp>
#include <tidings/app/queue_message.hpp>
#include <tidings/base/log.hpp>

#include "log_connection.hpp"
#include "queue_options.hpp"

namespace tidings::app {

using messaging::Binding;
using messaging::ExchangeKind;
using messaging::LossCause;
using messaging::QueueOptions;
using messaging::Task;
using messaging::Topology;

namespace {

// Entries read again by one question.
constexpr std::size_t kReadAtOnce = 64;
constexpr std::chrono::milliseconds kPauseAfterFailedRead{200};
constexpr std::chrono::milliseconds kMostLastReads{2'000};

}  // namespace

LogBrokerState::LogBrokerState(messaging::Executor executor, messaging::Timers& timers, messaging::LossLedger& ledger,
                               LogSources sources, LogBrokerOptions options)
    : executor_(std::move(executor)),
      timers_(timers),
      ledger_(ledger),
      sources_(sources),
      options_(std::move(options)),
      views_(executor_, sources.reads, options_.source),
      save_ended_(executor_),
      read_ended_(executor_),
      made_at_(Head()) {}

LogBrokerState::~LogBrokerState() = default;

Task<Status> LogBrokerState::Open() {
  auto rows = co_await views_.Rows();
  if (!rows) co_return std::unexpected(rows.error().Within("the queues"));
  Restore(*rows);
  exchanges_.try_emplace(std::string(kEventsExchange), ExchangeKind::kTopic).first->second.collected = true;
  co_return Status();
}

void LogBrokerState::Restore(const chat::QueueRows& rows) {
  for (const chat::ExchangeRow& row : rows.exchanges) {
    exchanges_.try_emplace(row.name, static_cast<ExchangeKind>(row.kind)).first->second.collected = true;
  }
  for (const chat::QueueRow& row : rows.queues) {
    const auto queue = std::make_shared<LogQueue>(*this, row.key, row.name, OptionsOf(row.options), nullptr);
    queue->Restore(row.cursor);
    queues_.emplace(row.name, queue);
    by_key_.emplace(row.key, queue.get());
    last_key_ = std::max(last_key_, row.key);
  }
  for (const chat::BindingRow& row : rows.bindings) {
    const auto queue = by_key_.find(row.queue);
    if (queue == by_key_.end()) continue;
    queue->second->RestoreBinding(row);
    const auto exchange = exchanges_.find(row.exchange);
    if (exchange != exchanges_.end()) exchange->second.bindings.emplace_back(row.pattern, row.queue);
  }
  for (const chat::EntryRow& row : rows.entries) {
    number_ = std::max(number_, row.place.number);
    if (const auto queue = by_key_.find(row.queue); queue != by_key_.end()) queue->second->RestoreEntry(row);
  }
}

Task<Status> LogBrokerState::Close() {
  if (closed_) co_return Status();
  for (LogConnection* const connection : std::vector(connections_)) connection->Close();
  Status saved = co_await Save();
  Abandon();
  // What is being read is answered from another thread, into an executor that whoever closes may destroy next.
  const Millis until = timers_.Steady() + kMostLastReads.count();
  while (reading_ > 0 && timers_.Steady() < until) {
    co_await read_ended_.WaitFor(timers_, std::chrono::milliseconds(until - timers_.Steady()));
  }
  co_return saved;
}

void LogBrokerState::Abandon() {
  if (std::exchange(closed_, true)) return;
  save_alarm_.Cancel();
  for (const auto& [name, queue] : queues_) queue->End();
  if (saved_ < asked_) {
    failed_ = asked_;
    last_save_ = Fail(ErrorCode::kUnavailable, "the queues were closed before it was saved");
  }
  save_ended_.NotifyAll();
}

// Topology.

Status LogBrokerState::Declare(const Topology& topology, QueueStart start, const void* connection) {
  if (Status checked = CheckDeclaration(topology, connection); !checked) return checked;
  for (const auto& exchange : topology.exchanges()) {
    const auto [declared, fresh] = exchanges_.try_emplace(exchange.name, exchange.kind);
    if (fresh) declared->second.durable = exchange.durable;
  }
  std::vector<std::string> begin_anew;
  for (const auto& declaration : topology.queues()) {
    const QueueOptions& options = declaration.options;
    if (!Queue(declaration.name)) AddQueue(declaration.name, options, options.exclusive ? connection : nullptr);
  }
  for (const auto& queue : topology.bindings()) {
    if (Queue(queue.queue)->filter().empty()) begin_anew.push_back(queue.queue);
  }
  for (const Binding& binding : topology.bindings()) {
    const bool anew = std::ranges::find(begin_anew, binding.queue) != begin_anew.end();
    Bind(binding, anew ? PlaceOf(start) : Head());
  }
  return {};
}

Status LogBrokerState::CheckDeclaration(const Topology& topology, const void* connection) {
  if (Status checked = Check(topology); !checked) return checked;
  const auto declared = [](const auto& declarations, const std::string& name) {
    return std::ranges::any_of(declarations, [&](const auto& declaration) { return declaration.name == name; });
  };
  for (const auto& exchange : topology.exchanges()) {
    const auto existing = exchanges_.find(exchange.name);
    const auto earlier = std::ranges::find(topology.exchanges(), exchange.name, &messaging::ExchangeDeclaration::name);
    const ExchangeKind kind = existing != exchanges_.end() ? existing->second.kind : earlier->kind;
    if (kind != exchange.kind) {
      return Fail(ErrorCode::kConflict, "exchange " + exchange.name + " exists as " + std::string(Name(kind)) +
                                            ", not " + std::string(Name(exchange.kind)) +
                                            "; declare it so, or choose another name");
    }
  }
  for (const auto& queue : topology.queues()) {
    if (!Queue(queue.name)) continue;
    if (const auto found = Find(queue.name, connection); !found) return std::unexpected(found.error());
  }
  for (const auto& binding : topology.bindings()) {
    if (!exchanges_.contains(binding.exchange) && !declared(topology.exchanges(), binding.exchange)) {
      return Fail(ErrorCode::kNotFound, "queue " + binding.queue + " cannot be bound: there is no exchange " +
                                            binding.exchange + "; declare it first");
    }
    if (!declared(topology.queues(), binding.queue)) {
      if (const auto found = Find(binding.queue, connection); !found) return std::unexpected(found.error());
    }
  }
  return {};
}

chat::Position LogBrokerState::PlaceOf(QueueStart start) const {
  switch (start) {
    case QueueStart::kHead: break;
    case QueueStart::kOpening: return made_at_;
    case QueueStart::kBeginning: return 0;
  }
  return Head();
}

void LogBrokerState::Bind(const Binding& binding, chat::Position from) {
  LogQueue& queue = *Queue(binding.queue);
  LogExchange& exchange = exchanges_.find(binding.exchange)->second;
  std::pair bound(binding.pattern, queue.key());
  if (std::ranges::find(exchange.bindings, bound) != exchange.bindings.end()) return;
  exchange.bindings.push_back(std::move(bound));
  if (binding.exchange == kEventsExchange) {
    queue.Select(binding.pattern, from);
  } else {
    queue.Bind(binding.exchange, binding.pattern);
  }
}

Result<std::shared_ptr<LogQueue>> LogBrokerState::Find(std::string_view queue, const void* connection) {
  const auto found = queues_.find(queue);
  if (found == queues_.end()) {
    return Fail(ErrorCode::kNotFound, "there is no queue " + std::string(queue) + "; declare it first");
  }
  if (found->second->owner() && found->second->owner() != connection) {
    return Fail(ErrorCode::kConflict, "queue " + std::string(queue) + " is exclusive to another connection");
  }
  return found->second;
}

LogQueue* LogBrokerState::Queue(std::string_view name) {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

std::shared_ptr<LogQueue> LogBrokerState::AddQueue(const std::string& name, const QueueOptions& options,
                                                   const void* owner) {
  const auto queue = std::make_shared<LogQueue>(*this, ++last_key_, name, options, owner);
  queues_.insert_or_assign(name, queue);
  by_key_.emplace(queue->key(), queue.get());
  if (options.dead_letters) DeadLettersOf(*queue);
  return queue;
}

LogQueue& LogBrokerState::DeadLettersOf(const LogQueue& queue) {
  const std::string name = messaging::DeadLetterQueue(queue.name());
  if (LogQueue* const found = Queue(name)) return *found;
  QueueOptions options;
  options.dead_letters = false;
  options.delivery_limit = 0;
  options.durable = queue.options().durable;
  options.exclusive = queue.options().exclusive;
  return *AddQueue(name, options, queue.owner());
}

void LogBrokerState::Delete(const std::string& queue) {
  const LogQueue* const found = Queue(queue);
  if (!found) return;
  const LogQueue* const dead = found->options().dead_letters ? Queue(messaging::DeadLetterQueue(queue)) : nullptr;
  if (dead && dead->size() == 0) RemoveQueue(dead->name());
  RemoveQueue(queue);
}

void LogBrokerState::DeleteExclusiveOf(const void* connection) {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) {
    if (queue->owner() == connection) names.push_back(name);
  }
  for (const std::string& name : names) RemoveQueue(name);
}

void LogBrokerState::RemoveQueue(const std::string& name) {
  const auto removed = queues_.extract(name).mapped();
  by_key_.erase(removed->key());
  for (auto& [exchange_name, exchange] : exchanges_) {
    std::erase_if(exchange.bindings, [&](const auto& binding) { return binding.second == removed->key(); });
  }
  if (!removed->transient()) removed_.push_back(removed->key());
  // What it had not read is in the log still.
  Lose(LossCause::kPurged, name, removed->size());
  removed->End();
}

std::vector<std::string> LogBrokerState::Queues(const void* connection) const {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) {
    if (!queue->owner() || queue->owner() == connection) names.push_back(name);
  }
  return names;
}

std::vector<LogQueueDepth> LogBrokerState::Depths() const {
  std::vector<LogQueueDepth> depths;
  for (const auto& [name, queue] : queues_) {
    if (queue->owner()) continue;
    LogQueueDepth& depth = depths.emplace_back();
    depth.queue = name;
    if (!queue->filter().empty()) depth.behind = Head() - std::min(queue->cursor(), Head());
    depth.kept = queue->size();
    depth.unsettled = queue->Stats().unsettled;
    depth.consumers = queue->consumers();
  }
  return depths;
}

Topology LogBrokerState::TopologyNow() const {
  Topology topology;
  for (const auto& [name, exchange] : exchanges_) {
    if (exchange.durable) topology.AddExchange(name, exchange.kind);
  }
  for (const auto& [name, queue] : queues_) {
    QueueOptions options = queue->options();
    // A classic one without arguments, as its consumers expect it.
    options.quorum = name != kMessagesQueue;
    // The queue of dead letters comes with its own.
    if (!queue->transient() && !messaging::OriginOfDeadLetters(name)) topology.AddQueue(name, options);
  }
  for (const auto& [name, exchange] : exchanges_) {
    for (const auto& [pattern, key] : exchange.bindings) {
      const LogQueue& queue = *by_key_.at(key);
      if (exchange.durable && !queue.transient()) topology.Bind(name, queue.name(), pattern);
    }
  }
  return topology;
}

// Publishing.

Result<std::vector<LogQueue*>> LogBrokerState::Route(const messaging::Outgoing& outgoing) {
  const messaging::Address& to = outgoing.to;
  std::vector<LogQueue*> route;
  if (to.is_queue()) {
    if (LogQueue* const queue = Queue(to.routing_key())) route.push_back(queue);
  } else {
    const auto exchange = exchanges_.find(to.exchange());
    if (exchange == exchanges_.end()) {
      return Fail(ErrorCode::kNotFound, "there is no exchange " + to.exchange() + "; declare it first");
    }
    if (to.exchange() == kEventsExchange) {
      return Fail(ErrorCode::kInvalid,
                  "exchange " + to.exchange() + " is the server's log; nobody else publishes to it");
    }
    for (const auto& [pattern, key] : exchange->second.bindings) {
      LogQueue* const queue = by_key_.at(key);
      const bool there = std::ranges::find(route, queue) != route.end();
      if (!there && messaging::Routes(exchange->second.kind, pattern, to.routing_key())) route.push_back(queue);
    }
  }
  if (route.empty() && outgoing.options.require_route) {
    return Fail(ErrorCode::kNotFound, to.is_queue() ? "there is no queue " + to.routing_key() + "; declare it first"
                                                    : "exchange " + to.exchange() + " has no queue for routing key \"" +
                                                          to.routing_key() + "\"");
  }
  return route;
}

Task<Result<std::size_t>> LogBrokerState::Publish(std::vector<messaging::Outgoing> messages) {
  const auto self = shared_from_this();
  std::vector<std::vector<LogQueue*>> routes;
  std::map<LogQueue*, std::uint64_t> more;
  for (const messaging::Outgoing& outgoing : messages) {
    auto route = Route(outgoing);
    if (!route) co_return std::unexpected(route.error());
    for (LogQueue* const queue : *route) {
      if (queue->HasRoomFor(++more[queue])) continue;
      co_return Fail(ErrorCode::kUnavailable, "refused: queue " + queue->name() + " is full: " + queue->Bound());
    }
    routes.push_back(std::move(*route));
  }
  bool durable = false;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    messaging::Outgoing& outgoing = messages[i];
    if (routes[i].empty()) {
      Lose(LossCause::kUnrouted, outgoing.to.is_queue() ? outgoing.to.routing_key() : outgoing.to.exchange());
    }
    for (LogQueue* const queue : routes[i]) {
      LogItem item(NextPlace());
      item.accepted = timers_.Now();
      const Millis steady = timers_.Steady();
      if (outgoing.options.delay.count() > 0) item.due = steady + outgoing.options.delay.count();
      auto ttl = queue->options().message_ttl;
      if (outgoing.options.ttl && (!ttl || *outgoing.options.ttl < *ttl)) ttl = outgoing.options.ttl;
      if (ttl) item.expires = steady + ttl->count();
      item.message = outgoing.message;
      queue->Accept(std::move(item));
      durable = durable || !queue->transient();
    }
  }
  const std::size_t reached = routes.empty() ? 0 : routes.back().size();
  if (!durable) co_return reached;
  if (Status saved = co_await Save(); !saved) {
    co_return Fail(ErrorCode::kUnavailable, "refused: " + saved.error().message());
  }
  co_return reached;
}

// Reading.

void LogBrokerState::Wake() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!wanted_.load(std::memory_order_relaxed) || woken_.exchange(true)) return;
  boost::asio::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->woken_ = false;
    self->wanted_ = false;
    for (const auto& [name, queue] : self->queues_) {
      if (!queue->awaited() || queue->filter().empty()) continue;
      self->WantMore();
      self->Fill(*queue);
    }
  });
}

void LogBrokerState::WantMore() {
  wanted_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void LogBrokerState::Fill(LogQueue& queue) {
  if (queue.filling || closed_ || (!queue.Starved(Head()) && !queue.Low(Head()))) return;
  queue.filling = true;
  boost::asio::co_spawn(executor_, FillNow(queues_.find(queue.name())->second), boost::asio::detached);
}

Task<void> LogBrokerState::FillNow(std::shared_ptr<LogQueue> queue) {
  const auto self = shared_from_this();
  while (!queue->gone() && !closed_) {
    const chat::Position head = Head();
    if (!queue->Starved(head) && !queue->Low(head)) break;
    std::optional<Error> failed;
    if (auto unread = queue->Unread(kReadAtOnce); !unread.empty()) {
      ++reading_;
      auto messages = co_await views_.Again(unread);
      ReadEnded();
      if (queue->gone()) break;
      if (messages) {
        for (std::size_t i = 0; i < unread.size(); ++i) queue->TakeRead(unread[i], std::move((*messages)[i]));
      } else {
        failed = messages.error();
      }
    } else {
      ++reading_;
      auto stretch = co_await views_.After(queue->filter(), queue->read(), options_.window);
      ReadEnded();
      if (queue->gone()) break;
      if (stretch) {
        if (stretch->last == 0) stretch->last = head;
        queue->TakeStretch(std::move(*stretch));
      } else {
        failed = stretch.error();
      }
    }
    queue->WakeSome();
    queue->filled().NotifyAll();
    if (!failed) continue;
    log::Warning("queue_cannot_read_the_log", {{"queue", queue->name()}, {"reason", failed->message()}});
    co_await timers_.Sleep(kPauseAfterFailedRead);
  }
  queue->filling = false;
  queue->filled().NotifyAll();
}

void LogBrokerState::ReadEnded() {
  if (--reading_ == 0) read_ended_.NotifyAll();
}

}  // namespace tidings::app
