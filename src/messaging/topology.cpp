#include <tidings/messaging/topology.hpp>

#include <algorithm>
#include <cctype>

namespace tidings::messaging {
namespace {

constexpr std::string_view kDeadSuffix = ".dead";
constexpr std::size_t kMostName = 200;
constexpr std::size_t kMostRoutingKey = 255;

// The word at the text's head and what comes after its dot; `last` if none does.
std::string_view TakeWord(std::string_view& text, bool& last) {
  const std::size_t dot = text.find('.');
  const std::string_view word = text.substr(0, dot);
  last = dot == std::string_view::npos;
  text = last ? std::string_view() : text.substr(dot + 1);
  return word;
}

}  // namespace

std::string_view Name(ExchangeKind kind) {
  switch (kind) {
    case ExchangeKind::kDirect: return "direct";
    case ExchangeKind::kTopic: return "topic";
    case ExchangeKind::kFanout: return "fanout";
  }
  return "direct";
}

Topology& Topology::AddExchange(std::string name, ExchangeKind kind, bool durable) {
  exchanges_.emplace_back(std::move(name), kind, durable);
  return *this;
}

Topology& Topology::AddQueue(std::string name, QueueOptions options) {
  queues_.emplace_back(std::move(name), options);
  return *this;
}

Topology& Topology::Bind(std::string exchange, std::string queue, std::string pattern) {
  bindings_.emplace_back(std::move(exchange), std::move(queue), std::move(pattern));
  return *this;
}

Topology& Topology::Add(const Topology& other) {
  exchanges_.insert(exchanges_.end(), other.exchanges_.begin(), other.exchanges_.end());
  queues_.insert(queues_.end(), other.queues_.begin(), other.queues_.end());
  bindings_.insert(bindings_.end(), other.bindings_.begin(), other.bindings_.end());
  return *this;
}

Status CheckName(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= kMostName && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == ':' || c == '-';
  });
  if (!fits) {
    return Fail(ErrorCode::kInvalid, "the name of a queue or exchange is 1 to 200 characters of [A-Za-z0-9_.:-]");
  }
  return {};
}

Status Check(const Topology& topology) {
  for (const auto& exchange : topology.exchanges()) {
    if (Status name = CheckName(exchange.name); !name) return name;
    if (exchange.name.starts_with("amq.")) {
      return Fail(ErrorCode::kInvalid,
                  "exchange " + exchange.name + ": names that begin with \"amq.\" are the broker's");
    }
  }
  for (const auto& queue : topology.queues()) {
    if (Status name = CheckName(queue.name); !name) return name;
    if (queue.options.exclusive && queue.options.durable) {
      return Fail(ErrorCode::kInvalid, "queue " + queue.name +
                                           ": an exclusive queue is gone with its connection; it "
                                           "cannot be durable");
    }
  }
  for (const auto& binding : topology.bindings()) {
    if (Status name = CheckName(binding.queue); !name) return name;
    if (Status name = CheckName(binding.exchange); !name) return name;
    if (binding.pattern.size() > kMostRoutingKey) {
      return Fail(ErrorCode::kInvalid,
                  "the binding of " + binding.queue + " to " + binding.exchange + " is longer than 255 bytes");
    }
  }
  return {};
}

std::string DeadLetterQueue(std::string_view queue) { return std::string(queue) += kDeadSuffix; }

std::optional<std::string_view> OriginOfDeadLetters(std::string_view name) {
  if (!name.ends_with(kDeadSuffix)) return std::nullopt;
  return name.substr(0, name.size() - kDeadSuffix.size());
}

bool Routes(ExchangeKind kind, std::string_view pattern, std::string_view routing_key) {
  switch (kind) {
    case ExchangeKind::kDirect: return pattern == routing_key;
    case ExchangeKind::kTopic: return TopicMatches(pattern, routing_key);
    case ExchangeKind::kFanout: return true;
  }
  return false;
}

// Words are matched one by one; at a # the place is kept, and where a later word does not fit the # takes one more. One
// place is enough: what an earlier # could take, the later one can too.
bool TopicMatches(std::string_view pattern, std::string_view routing_key) {
  std::string_view key = routing_key;
  // As in RabbitMQ the empty text has no word at all, while "a." has two.
  bool pattern_done = pattern.empty();
  bool key_done = key.empty();
  bool kept = false;
  std::string_view kept_pattern;
  std::string_view kept_key;
  bool kept_pattern_done = false;
  bool kept_key_done = false;
  for (;;) {
    if (!pattern_done) {
      std::string_view rest = pattern;
      bool last = false;
      const std::string_view word = TakeWord(rest, last);
      if (word == "#") {
        pattern = rest;
        pattern_done = last;
        kept = true;
        kept_pattern = pattern;
        kept_pattern_done = pattern_done;
        kept_key = key;
        kept_key_done = key_done;
        continue;
      }
      if (!key_done) {
        std::string_view key_rest = key;
        bool key_last = false;
        const std::string_view key_word = TakeWord(key_rest, key_last);
        if (word == "*" || word == key_word) {
          pattern = rest;
          pattern_done = last;
          key = key_rest;
          key_done = key_last;
          continue;
        }
      }
    } else if (key_done) {
      return true;
    }
    if (!kept || kept_key_done) return false;
    bool key_last = false;
    TakeWord(kept_key, key_last);
    kept_key_done = key_last;
    pattern = kept_pattern;
    pattern_done = kept_pattern_done;
    key = kept_key;
    key_done = kept_key_done;
  }
}

}  // namespace tidings::messaging
