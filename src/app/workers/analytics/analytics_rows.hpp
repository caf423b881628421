// The tables of an analytics lane: counts by room and hour, who was active, and how long events were under way.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::app {

// Statements that may run again.
extern const std::string_view kAnalyticsSchema;

// From the event to its count here, in milliseconds: how many took at most so long. The last one holds the rest.
inline constexpr std::array<Millis, 12> kLatencyBounds{5,   10,    25,    50,     100,    250,
                                                       500, 1'000, 2'500, 10'000, 60'000, 600'000};

class AnalyticsCount {
 public:
  std::uint64_t messages = 0;
  std::uint64_t edits = 0;
  std::uint64_t deletes = 0;
  std::set<std::string> users;
  std::array<std::uint64_t, kLatencyBounds.size() + 1> latencies{};
  Millis slowest = 0;

  void Add(const AnalyticsCount& other);
  // The bound below which this share of them lies, at most the slowest; 0 without any.
  Millis Latency(double share) const;
};

// All throw StoreFailure. Those that write: within a transaction.
class AnalyticsRows {
 public:
  explicit AnalyticsRows(sqlite::Database& database);

  // `what` is the event's type; of other types than those of messages nothing is counted.
  void Count(std::string_view room, Millis at, std::string_view what, std::string_view user, Millis latency);
  void Forget(Millis before);

  // By (room, hour's begin), from an hour to before another; of one room if it is named.
  std::map<std::pair<std::string, Millis>, AnalyticsCount> Between(Millis from, Millis to, std::string_view room);

 private:
  sqlite::Statement count_;
  sqlite::Statement active_;
  sqlite::Statement latency_;
  sqlite::Statement forget_hours_;
  sqlite::Statement forget_users_;
  sqlite::Statement forget_latencies_;
  sqlite::Statement hours_;
  sqlite::Statement users_;
  sqlite::Statement latencies_;
};

}  // namespace tidings::app
