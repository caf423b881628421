// The names of our keys; docs/messaging-redis.md shows what is in them. The prefix is the hash tag of all of them, so that
// a script over several is allowed on a cluster.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace tidings::redis {

class QueueKeys {
 public:
  QueueKeys(const std::string& prefix, std::string_view queue)
      : base_(prefix + "queue:" + std::string(queue) + ":"),
        options(base_ + "options"),
        ready(base_ + "ready"),
        messages(base_ + "messages"),
        leased(base_ + "leased"),
        delayed(base_ + "delayed"),
        consumers(base_ + "consumers"),
        wake(base_ + "wake") {}

 private:
  std::string base_;

 public:
  const std::string options;    // hash: what was declared; no queue without it
  const std::string ready;      // list of entries; the next one is at its right end
  const std::string messages;   // hash: token → message
  const std::string leased;     // sorted set: entry@consumer, by when its lease ends
  const std::string delayed;    // sorted set: entry, by when it is due
  const std::string consumers;  // sorted set: consumer, by when it was last seen
  const std::string wake;       // channel: told when `ready` was empty and is not any more
};

class Keys {
 public:
  // "tidings" → "{tidings}:".
  explicit Keys(std::string_view prefix) : prefix_("{" + std::string(prefix) + "}:") {}

  QueueKeys Queue(std::string_view queue) const { return QueueKeys(prefix_, queue); }
  std::string Stream(std::string_view stream) const { return prefix_ + "stream:" + std::string(stream); }
  std::string Topic(std::string_view topic) const { return prefix_ + "topic:" + std::string(topic); }
  std::string Queues() const { return prefix_ + "queues"; }        // set of names
  std::string Exchanges() const { return prefix_ + "exchanges"; }  // hash: name → kind
  std::string Bindings() const { return prefix_ + "bindings"; }    // set of "exchange queue pattern"
  std::string Topology() const { return prefix_ + "topology"; }    // number; changes with exchanges and bindings

 private:
  std::string prefix_;
};

}  // namespace tidings::redis
