// What a channel declares, binds, empties and deletes.
#include <algorithm>
#include <utility>

#include <tidings/base/id.hpp>
#include <tidings/messaging/topology.hpp>

#include "server_channel.hpp"
#include "server_methods.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

Refusal Unreadable() { return Refusal(reply::kSyntaxError, "the method is malformed"); }

std::optional<ExchangeKind> KindOf(std::string_view name) {
  for (const ExchangeKind kind : {ExchangeKind::kDirect, ExchangeKind::kTopic, ExchangeKind::kFanout}) {
    if (Name(kind) == name) return kind;
  }
  return std::nullopt;
}

bool IsReserved(std::string_view name) { return name.starts_with("amq."); }

std::uint32_t Count(std::uint64_t number) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX));
}

}  // namespace

Task<ServerChannel::MaybeRefused> ServerChannel::DeclareExchange(std::string_view payload) {
  ExchangeRequest request;
  if (!ReadExchangeDeclare(payload, request)) co_return Unreadable();
  ServerState& state = session_->state();
  const std::string name(request.name);
  if (request.passive) {
    if (!state.HasExchange(name)) co_return Refusal(reply::kNotFound, "no exchange '" + name + "' in vhost '/'");
  } else {
    if (IsReserved(name))
      co_return Refusal(reply::kAccessRefused, "exchanges amq.* are not there; declare one of your own");
    const auto arguments = ReadTable(request.arguments);
    if (!arguments) co_return Unreadable();
    if (arguments->Find("alternate-exchange") != nullptr) {
      co_return Refusal(reply::kNotImplemented, "there are no alternate exchanges; publish with mandatory");
    }
    const auto kind = KindOf(request.type);
    if (!kind) co_return Refusal(reply::kNotImplemented, "exchanges are direct, topic or fanout");
    if (request.auto_delete || request.internal) {
      co_return Refusal(reply::kNotImplemented, "exchanges are neither internal nor deleted by themselves");
    }
    Topology topology;
    topology.AddExchange(name, *kind, request.durable);
    Status declared = co_await session_->transport().Declare(std::move(topology));
    if (!declared) co_return Refusal::Of(declared.error(), reply::kPreconditionFailed);
    state.exchanges.insert(name);
  }
  if (!request.no_wait) AppendPlain(session_->out(), number_, Method::kExchangeDeclareOk);
  session_->Flush();
  co_return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::DeclareQueue(std::string_view payload) {
  QueueRequest request;
  if (!ReadQueueDeclare(payload, request)) co_return Unreadable();
  std::string name(request.name);
  if (name.empty() && request.arguments.passive) name = last_queue_;
  if (name.empty()) name = "tidings.gen-" + RandomToken(22);
  if (IsReserved(name)) {
    co_return Refusal(reply::kAccessRefused,
                      "queues amq.* are not there, direct reply-to among them; declare one of your own");
  }
  if (!request.arguments.passive) {
    if (auto refused = co_await MakeQueue(name, request.arguments)) co_return refused;
  }
  co_return co_await FindQueue(std::move(name), request.no_wait);
}

// A queue is used as it is found, but nobody is left to believe in dead letters, say, that it has not.
ServerChannel::MaybeRefused ServerChannel::Differs(const std::string& name, const QueueArguments& arguments) {
  const auto& known = session_->state().options.queue_options;
  const auto found = known ? known(name) : std::nullopt;
  if (!found) return std::nullopt;
  QueueWish wish;
  if (auto refused = ReadQueueArguments(name, arguments, session_->transport().capabilities(), wish)) return refused;
  const auto inequivalent = [&](std::string_view what, std::string_view instead) {
    return Refusal(reply::kPreconditionFailed, "inequivalent arg '" + std::string(what) + "' for queue '" + name +
                                                   "' in vhost '/': " + std::string(instead));
  };
  const QueueOptions& asked = wish.options;
  if (arguments.exclusive && !found->exclusive) {
    return Refusal(reply::kResourceLocked, "queue '" + name + "' is there and shared: choose another name");
  }
  if (wish.delay) return inequivalent("x-dead-letter-routing-key", "it is there and consumed");
  if (asked.dead_letters && !found->dead_letters) {
    return inequivalent("x-dead-letter-exchange", "it has no dead letters; bind a queue of your own that has some");
  }
  if (asked.delivery_limit > 0 && found->delivery_limit == 0) {
    return inequivalent("x-delivery-limit", "it has none; bind a queue of your own that has one");
  }
  if (asked.durable && !found->durable) return inequivalent("durable", "it is not durable");
  return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::MakeQueue(std::string name, const QueueArguments& arguments) {
  ServerState& state = session_->state();
  const auto found = co_await session_->transport().Stats(name);
  QueueWish wish;
  if (found) co_return Differs(name, arguments);
  if (found.error().code() != ErrorCode::kNotFound) co_return Refusal::Of(found.error());
  if (auto refused = ReadQueueArguments(name, arguments, session_->transport().capabilities(), wish)) co_return refused;
  if (wish.delay) {
    if (Status fits = CheckName(name); !fits) co_return Refusal::Of(fits.error());
    if (!state.delays.contains(name) && state.delays.size() >= kMostDelays) {
      co_return Refusal(reply::kPreconditionFailed, "there are too many queues that are only waited in");
    }
    state.delays.insert_or_assign(name, *wish.delay);
    co_return std::nullopt;
  }
  if (!session_->AddQueue()) co_return Refusal(reply::kResourceError, "a connection has made too many queues");
  Topology topology;
  topology.AddQueue(name, wish.options);
  Status declared = co_await session_->transport().Declare(std::move(topology));
  if (!declared) co_return Refusal::Of(declared.error());
  state.delays.erase(name);
  // By its name, which another queue may have borne before.
  if (arguments.auto_delete) {
    state.auto_delete.insert(std::move(name));
  } else {
    state.auto_delete.erase(name);
  }
  co_return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::FindQueue(std::string name, bool no_wait) {
  QueueDeclared declared;
  declared.queue = name;
  if (const Onward* const onward = session_->state().FindDelay(name)) {
    // Of all that wait for a queue the first one speaks: which of them each one waits in is not known any more.
    if (session_->state().FirstDelayOf(onward->target) == name) {
      const auto stats = co_await session_->transport().Stats(onward->target);
      declared.messages = stats ? Count(stats->delayed) : 0;
    }
  } else {
    const auto stats = co_await session_->transport().Stats(name);
    if (!stats) co_return Refusal::Of(stats.error());
    declared.messages = Count(stats->ready);
    declared.consumers = Count(stats->consumers);
  }
  last_queue_ = std::move(name);
  if (!no_wait) AppendQueueDeclareOk(session_->out(), number_, declared);
  session_->Flush();
  co_return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::Bind(std::string_view payload) {
  BindRequest request;
  if (!ReadQueueBind(payload, request)) co_return Unreadable();
  if (request.exchange.empty()) {
    co_return Refusal(reply::kAccessRefused, "every queue is bound to the default exchange by its name already");
  }
  if (session_->state().FindDelay(QueueNamed(request.queue)) != nullptr) {
    co_return Refusal(reply::kAccessRefused, "a queue that is only waited in is published to by its name");
  }
  Topology topology;
  topology.Bind(std::string(request.exchange), QueueNamed(request.queue), std::string(request.routing_key));
  Status bound = co_await session_->transport().Declare(std::move(topology));
  if (!bound) co_return Refusal::Of(bound.error());
  if (!request.no_wait) AppendPlain(session_->out(), number_, Method::kQueueBindOk);
  session_->Flush();
  co_return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::PurgeQueue(std::string_view payload) {
  EndRequest request;
  if (!ReadQueuePurge(payload, request)) co_return Unreadable();
  std::uint64_t purged = 0;
  const std::string queue = QueueNamed(request.queue);
  if (session_->state().FindDelay(queue) == nullptr) {
    const auto dropped = co_await session_->transport().Purge(queue);
    if (!dropped) co_return Refusal::Of(dropped.error());
    purged = *dropped;
  }
  if (!request.no_wait) AppendMessageCount(session_->out(), number_, Method::kQueuePurgeOk, Count(purged));
  session_->Flush();
  co_return std::nullopt;
}

Task<ServerChannel::MaybeRefused> ServerChannel::DeleteQueue(std::string_view payload) {
  EndRequest request;
  if (!ReadQueueDelete(payload, request)) co_return Unreadable();
  const std::string queue = QueueNamed(request.queue);
  ServerState& state = session_->state();
  if (state.options.keeps && state.options.keeps(queue)) {
    co_return Refusal(reply::kAccessRefused, "queue '" + queue + "' is the server's own, and stays");
  }
  std::uint64_t dropped = 0;
  if (state.FindDelay(queue) != nullptr) {
    state.delays.erase(queue);
  } else if (const auto stats = co_await session_->transport().Stats(queue)) {
    if (request.if_unused && stats->consumers > 0) {
      co_return Refusal(reply::kPreconditionFailed, "queue '" + queue + "' in use");
    }
    if (request.if_empty && stats->ready > 0) {
      co_return Refusal(reply::kPreconditionFailed, "queue '" + queue + "' not empty");
    }
    Status deleted = co_await session_->transport().DeleteQueue(queue);
    if (!deleted) co_return Refusal::Of(deleted.error());
    dropped = stats->ready + stats->delayed;
    state.auto_delete.erase(queue);
  } else if (stats.error().code() != ErrorCode::kNotFound) {
    co_return Refusal::Of(stats.error());
  }
  // None there is success, as on RabbitMQ.
  if (!request.no_wait) AppendMessageCount(session_->out(), number_, Method::kQueueDeleteOk, Count(dropped));
  session_->Flush();
  co_return std::nullopt;
}

}  // namespace tidings::messaging::rabbitmq
