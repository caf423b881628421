#include <tidings/messaging/delivery.hpp>

#include <algorithm>
#include <cassert>

#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>

namespace tidings::messaging {
namespace {

// What a history keeps: the newest entries, each with the head of its error.
constexpr std::size_t kMostHistory = 10;
constexpr std::size_t kMostErrorBytes = 500;

std::string Shortened(std::string_view error) {
  std::string text(error.substr(0, kMostErrorBytes));
  while (!text.empty() && !IsUtf8(text)) text.pop_back();
  return text;
}

std::uint32_t AttemptOf(const Message& message) {
  const auto failures = message.headers.Number(header::kFailures).value_or(0);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(failures, 1'000'000)) + 1;
}

void AddToHistory(Headers& headers, std::uint32_t attempt, std::string_view error, Millis now) {
  json::array history;
  if (auto earlier = json::Parse(headers.Get(header::kHistory)); earlier && earlier->is_array()) {
    history = earlier->as_array();
  }
  while (history.size() >= kMostHistory) history.erase(history.begin());
  history.push_back(json::object{{"attempt", attempt}, {"at", FormatTime(now)}, {"error", error}});
  headers.Set(header::kHistory, json::serialize(history));
}

}  // namespace

std::string_view Name(DeathReason reason) {
  switch (reason) {
    case DeathReason::kFailed: return "failed";
    case DeathReason::kRejected: return "rejected";
    case DeathReason::kUndecodable: return "undecodable";
    case DeathReason::kDeliveryLimit: return "delivery-limit";
    case DeathReason::kExpired: return "expired";
  }
  return "failed";
}

void MarkDead(Message& message, DeathReason reason, std::string_view error, std::string_view queue, Millis now) {
  const std::string text = Shortened(error);
  const std::uint32_t attempt = AttemptOf(message);
  AddToHistory(message.headers, attempt, text, now);
  // Of the others no handler said anything.
  const bool failed =
      reason == DeathReason::kFailed || reason == DeathReason::kRejected || reason == DeathReason::kUndecodable;
  if (failed) message.headers.Set(header::kFailures, std::to_string(attempt));
  message.headers.Set(header::kDeathReason, std::string(Name(reason)));
  message.headers.Set(header::kDeathError, text);
  message.headers.Set(header::kDeathQueue, std::string(queue));
  message.headers.Set(header::kDeathTime, FormatTime(now));
}

std::uint32_t Delivery::attempt() const { return AttemptOf(message_); }

Task<Status> Delivery::Ack() {
  assert(settlement_);
  const auto settlement = std::move(settlement_);
  co_return co_await settlement->Ack();
}

Task<Status> Delivery::Nack() {
  assert(settlement_);
  const auto settlement = std::move(settlement_);
  co_return co_await settlement->Nack();
}

void Delivery::CountFailure(std::string_view error, Millis now) {
  const std::uint32_t failed = AttemptOf(message_);
  AddToHistory(message_.headers, failed, Shortened(error), now);
  message_.headers.Set(header::kFailures, std::to_string(failed));
}

Task<Status> Delivery::PutBack(std::chrono::milliseconds delay) {
  assert(settlement_);
  const auto settlement = std::move(settlement_);
  co_return co_await settlement->Retry(message_, delay);
}

Task<Status> Delivery::Retry(std::string_view error, std::chrono::milliseconds delay, Millis now) {
  CountFailure(error, now);
  return PutBack(delay);
}

Task<Status> Delivery::Bury(DeathReason reason, std::string_view error, Millis now) {
  assert(settlement_);
  const auto settlement = std::move(settlement_);
  MarkDead(message_, reason, error, queue_, now);
  co_return co_await settlement->Bury(message_);
}

Task<bool> Delivery::Extend() {
  assert(settlement_);
  co_return co_await settlement_->Extend();
}

}  // namespace tidings::messaging
