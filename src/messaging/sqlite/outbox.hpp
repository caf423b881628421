// Outbox: what a commit has to tell the executor, gathered while it is made and thrown away if it fails.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/pub_sub.hpp>

#include "claims.hpp"

namespace tidings::messaging::embedded {

using SubscriptionId = std::uint64_t;

class Handout {
 public:
  ConsumerId consumer = 0;
  std::vector<KeptMessage> messages;
};

class Loss {
 public:
  LossCause cause = LossCause::kExpired;
  std::string where;
  std::uint64_t messages = 1;
};

class Outbox {
 public:
  // All that was held in an earlier epoch is lost.
  std::uint64_t epoch = 1;
  std::vector<Handout> handouts;
  std::vector<std::pair<SubscriptionId, Notice>> notices;
  std::vector<ConsumerId> ended;  // their queue is gone
  bool streams_grew = false;      // somewhere
  std::vector<Loss> losses;
  // When something is due, by the steady clock; nothing: never.
  std::optional<Millis> due_at;
};

}  // namespace tidings::messaging::embedded
