// Verdict: what is to become of a message that was handled.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <tidings/base/error.hpp>
#include <tidings/messaging/delivery.hpp>

namespace tidings::messaging {

// What a chain of middleware answers. What it leaves as kFailed, the handler's Retry decides.
class Verdict {
 public:
  enum class Kind {
    kDone,    // acknowledged
    kFailed,  // handling it failed
    kRetry,   // the same, and handed out again after delay()
    kBury,    // to the dead letters
    kReturn,  // back, uncounted, handed out again after delay(): "not now"
  };

  static Verdict Done() { return Verdict(Kind::kDone); }
  static Verdict Failed(Error error) { return Verdict(Kind::kFailed, std::move(error)); }
  static Verdict Retry(Error error, std::chrono::milliseconds delay) {
    return Verdict(Kind::kRetry, std::move(error), delay);
  }
  static Verdict Bury(DeathReason reason, Error error) {
    Verdict verdict(Kind::kBury, std::move(error));
    verdict.reason_ = reason;
    return verdict;
  }
  static Verdict Return(std::chrono::milliseconds delay = {}) { return Verdict(Kind::kReturn, std::nullopt, delay); }

  Kind kind() const { return kind_; }
  bool done() const { return kind_ == Kind::kDone; }
  // Whether the handler was at fault: failed, to be retried or buried.
  bool failure() const { return error_.has_value(); }
  // REQUIRES: failure().
  const Error& error() const { return *error_; }
  std::chrono::milliseconds delay() const { return delay_; }
  DeathReason reason() const { return reason_; }

 private:
  explicit Verdict(Kind kind, std::optional<Error> error = std::nullopt, std::chrono::milliseconds delay = {})
      : kind_(kind), delay_(delay), error_(std::move(error)) {}

  Kind kind_;
  DeathReason reason_ = DeathReason::kFailed;
  std::chrono::milliseconds delay_;
  std::optional<Error> error_;
};

}  // namespace tidings::messaging
