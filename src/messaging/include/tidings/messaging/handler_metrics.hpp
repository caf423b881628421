// HandlerMetrics: what became of messages, and how long their handlers took, for each handler.
//
//   auto metrics = std::make_shared<HandlerMetrics>();
//   router.Use(metrics);
//   std::string text = metrics->Prometheus();
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {

class HandlerMetrics final : public Middleware {
 public:
  // Upper bounds of the durations' buckets, in milliseconds; one more bucket for what is longer.
  static constexpr std::array<std::uint64_t, 11> kBounds{1, 2, 5, 10, 25, 50, 100, 250, 1'000, 5'000, 30'000};

  class Snapshot {
   public:
    std::uint64_t handling = 0;  // now
    std::uint64_t done = 0;
    std::uint64_t failed = 0;    // tries; retried and buried are what became of them
    std::uint64_t retried = 0;
    std::uint64_t buried = 0;
    std::uint64_t returned = 0;
    std::array<std::uint64_t, kBounds.size() + 1> durations{};
    std::uint64_t duration_sum = 0;                 // milliseconds
  };
  using Key = std::pair<std::string, std::string>;  // queue, handler

  Task<Verdict> Handle(Context& context, Next next) override;
  void Settled(const Context& context, const Verdict& verdict) override;

  const std::map<Key, Snapshot>& snapshots() const { return snapshots_; }
  // Text format 0.0.4.
  std::string Prometheus() const;

 private:
  Snapshot& Of(const Context& context);

  std::map<Key, Snapshot> snapshots_;
};

}  // namespace tidings::messaging
