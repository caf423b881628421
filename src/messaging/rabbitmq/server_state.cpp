#include "server_state.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <tidings/base/log.hpp>

#include "table.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

class CodeName {
 public:
  std::uint16_t code;
  std::string_view name;
};
constexpr std::array kNames = {
    CodeName{reply::kContentTooLarge, "CONTENT_TOO_LARGE"},
    CodeName{reply::kNoRoute, "NO_ROUTE"},
    CodeName{reply::kConnectionForced, "CONNECTION_FORCED"},
    CodeName{reply::kAccessRefused, "ACCESS_REFUSED"},
    CodeName{reply::kNotFound, "NOT_FOUND"},
    CodeName{reply::kResourceLocked, "RESOURCE_LOCKED"},
    CodeName{reply::kPreconditionFailed, "PRECONDITION_FAILED"},
    CodeName{reply::kFrameError, "FRAME_ERROR"},
    CodeName{reply::kSyntaxError, "SYNTAX_ERROR"},
    CodeName{reply::kCommandInvalid, "COMMAND_INVALID"},
    CodeName{reply::kChannelError, "CHANNEL_ERROR"},
    CodeName{reply::kUnexpectedFrame, "UNEXPECTED_FRAME"},
    CodeName{reply::kResourceError, "RESOURCE_ERROR"},
    CodeName{reply::kNotAllowed, "NOT_ALLOWED"},
    CodeName{reply::kNotImplemented, "NOT_IMPLEMENTED"},
    CodeName{reply::kInternalError, "INTERNAL_ERROR"},
};

Refusal Unfit(std::string text) { return Refusal(reply::kPreconditionFailed, std::move(text)); }

// Thirty days, as RabbitTransport's longest delay: more is a mistake.
constexpr std::int64_t kMostMillis = 30LL * 24 * 3600 * 1000;

std::optional<std::int64_t> WholeOf(const Value& value) {
  if (value.kind == Value::Kind::kInteger && value.integer >= 0) return value.integer;
  if (value.kind == Value::Kind::kUnsigned && value.whole <= INT64_MAX) return static_cast<std::int64_t>(value.whole);
  return std::nullopt;
}

// What is read of a table before it is known what kind of queue it describes.
class Wanted {
 public:
  std::optional<std::int64_t> ttl;
  std::optional<std::int64_t> expires;
  std::optional<std::string> dead_exchange;
  std::string dead_key;
};

std::optional<Refusal> Take(const Value& argument, const Capabilities& capabilities, QueueOptions& options,
                            Wanted& wanted) {
  const std::string& name = argument.name;
  const auto whole = WholeOf(argument);
  const auto number = [&](std::optional<std::int64_t>& into, std::int64_t most) -> std::optional<Refusal> {
    if (!whole || *whole > most) return Unfit(name + " is a whole number from 0 to " + std::to_string(most));
    into = whole;
    return std::nullopt;
  };
  std::optional<std::int64_t> read;
  if (name == "x-message-ttl") return number(wanted.ttl, kMostMillis);
  if (name == "x-expires") return number(wanted.expires, INT64_MAX);
  if (name == "x-dead-letter-exchange") {
    wanted.dead_exchange = argument.Text();
  } else if (name == "x-dead-letter-routing-key") {
    wanted.dead_key = argument.Text();
  } else if (name == "x-queue-type") {
    if (argument.text == "stream") {
      return Refusal(reply::kNotImplemented, "there are no streams here; read what happened from the log by the API");
    }
    options.quorum = argument.text == "quorum";
  } else if (name == "x-delivery-limit") {
    if (auto refused = number(read, UINT32_MAX)) return refused;
    options.delivery_limit = static_cast<std::uint32_t>(*read);
  } else if (name == "x-max-length") {
    if (auto refused = number(read, INT64_MAX)) return refused;
    options.max_length = static_cast<std::uint64_t>(*read);
  } else if (name == "x-single-active-consumer") {
    if (argument.IsTrue() && !capabilities.single_active) return Unfit(name + " is not there; consume from one place");
    options.single_active = argument.IsTrue();
  } else if (name == "x-overflow" && argument.text == "drop-head") {
    return Unfit("x-overflow drop-head is not there: nothing is dropped, and a publish to a full queue is refused");
  } else if (name == "x-max-length-bytes" || name == "x-max-priority" || name == "x-max-age") {
    return Unfit(name + " is not there; leave it out");
  }
  // Others (x-overflow, x-dead-letter-strategy, x-queue-mode …) say how RabbitMQ is to do what is done here in any case.
  return std::nullopt;
}

}  // namespace

Refusal Refusal::Of(const Error& error, std::uint16_t conflict) {
  switch (error.code()) {
    case ErrorCode::kNotFound: return Refusal(reply::kNotFound, error.message());
    case ErrorCode::kForbidden: return Refusal(reply::kAccessRefused, error.message());
    case ErrorCode::kConflict: return Refusal(conflict, error.message());
    case ErrorCode::kInvalid: return Refusal(reply::kPreconditionFailed, error.message());
    case ErrorCode::kTooLarge: return Refusal(reply::kContentTooLarge, error.message());
    default: return Refusal(reply::kInternalError, error.message());
  }
}

void ServerState::Refused(std::string_view peer, std::string_view client, std::string_view reason) {
  ++refused_;
  const Millis now = timers.Steady();
  if (refused_at_ && now - *refused_at_ < 1'000) return;
  refused_at_ = now;
  log::Warning("amqp_refused", {{"peer", peer}, {"client", client}, {"reason", reason}, {"since", refused_}});
  refused_ = 0;
}

std::string Refusal::Shown() const {
  const auto found = std::ranges::find(kNames, code, &CodeName::code);
  return (found != kNames.end() ? std::string(found->name) + " - " : std::string()) + text;
}

bool Refusal::ends_connection() const { return code == reply::kConnectionForced || code >= reply::kFrameError; }

std::optional<Refusal> ReadQueueArguments(std::string_view name, const QueueArguments& arguments,
                                          const Capabilities& capabilities, QueueWish& wish) {
  const auto table = ReadTable(arguments.table);
  if (!table) return Refusal(reply::kSyntaxError, "the table of arguments is malformed");
  QueueOptions& options = wish.options;
  options.durable = arguments.durable && !arguments.exclusive;
  options.exclusive = arguments.exclusive;
  options.quorum = false;
  options.dead_letters = false;
  options.delivery_limit = 0;
  Wanted wanted;
  for (const Value& argument : table->children) {
    if (auto refused = Take(argument, capabilities, options, wanted)) return refused;
  }
  const bool onward = wanted.dead_exchange && wanted.dead_exchange->empty() && !wanted.dead_key.empty();
  if (onward && wanted.dead_key == DeadLetterQueue(name)) {
    options.dead_letters = true;
  } else if (onward && wanted.ttl && capabilities.delay) {
    wish.delay = Onward{.target = wanted.dead_key, .delay = std::chrono::milliseconds(*wanted.ttl)};
    return std::nullopt;
  } else if (wanted.dead_exchange) {
    return Unfit("dead letters go to queue " + DeadLetterQueue(name) +
                 ": set x-dead-letter-exchange to \"\" and x-dead-letter-routing-key to that, or leave them out");
  }
  if (wanted.expires) return Unfit("x-expires is for queues that are only waited in; use an exclusive queue");
  if (wanted.ttl) options.message_ttl = std::chrono::milliseconds(*wanted.ttl);
  return std::nullopt;
}

}  // namespace tidings::messaging::rabbitmq
