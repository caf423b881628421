#include "analytics/analytics_rows.hpp"

#include <algorithm>

namespace tidings::app {

const std::string_view kAnalyticsSchema = R"(
  CREATE TABLE IF NOT EXISTS hours (
    hour INTEGER NOT NULL, room TEXT NOT NULL, messages INTEGER NOT NULL, edits INTEGER NOT NULL,
    deletes INTEGER NOT NULL, slowest INTEGER NOT NULL, PRIMARY KEY (hour, room)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS users (
    hour INTEGER NOT NULL, room TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (hour, room, user)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS latencies (
    hour INTEGER NOT NULL, room TEXT NOT NULL, bucket INTEGER NOT NULL, events INTEGER NOT NULL,
    PRIMARY KEY (hour, room, bucket)) WITHOUT ROWID;
)";

namespace {

constexpr Millis kHour = 3'600'000;

}  // namespace

void AnalyticsCount::Add(const AnalyticsCount& other) {
  messages += other.messages;
  edits += other.edits;
  deletes += other.deletes;
  users.insert(other.users.begin(), other.users.end());
  for (std::size_t i = 0; i < latencies.size(); ++i) latencies[i] += other.latencies[i];
  slowest = std::max(slowest, other.slowest);
}

Millis AnalyticsCount::Latency(double share) const {
  std::uint64_t all = 0;
  for (const std::uint64_t count : latencies) all += count;
  if (all == 0) return 0;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kLatencyBounds.size(); ++i) {
    below += latencies[i];
    if (static_cast<double>(below) >= share * static_cast<double>(all)) return std::min(kLatencyBounds[i], slowest);
  }
  return slowest;
}

AnalyticsRows::AnalyticsRows(sqlite::Database& database)
    : count_(
          database,
          "INSERT INTO hours (hour, room, messages, edits, deletes, slowest) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON "
          "CONFLICT (hour, room) DO UPDATE SET messages = messages + ?3, edits = edits + ?4, deletes = deletes + ?5, "
          "slowest = max(slowest, ?6)"),
      active_(database, "INSERT INTO users (hour, room, user) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"),
      latency_(database,
               "INSERT INTO latencies (hour, room, bucket, events) VALUES (?1, ?2, ?3, 1) ON CONFLICT (hour, room, "
               "bucket) DO UPDATE SET events = events + 1"),
      forget_hours_(database, "DELETE FROM hours WHERE hour < ?1"),
      forget_users_(database, "DELETE FROM users WHERE hour < ?1"),
      forget_latencies_(database, "DELETE FROM latencies WHERE hour < ?1"),
      hours_(
          database,
          "SELECT hour, room, messages, edits, deletes, slowest FROM hours WHERE hour >= ?1 AND hour < ?2 AND (?3 = '' "
          "OR room = ?3)"),
      users_(database, "SELECT hour, room, user FROM users WHERE hour >= ?1 AND hour < ?2 AND (?3 = '' OR room = ?3)"),
      latencies_(
          database,
          "SELECT hour, room, bucket, events FROM latencies WHERE hour >= ?1 AND hour < ?2 AND (?3 = '' OR room = "
          "?3)") {}

void AnalyticsRows::Count(std::string_view room, Millis at, std::string_view what, std::string_view user,
                          Millis latency) {
  const bool created = what == "message.created";
  const bool edited = what == "message.updated";
  const bool deleted = what == "message.deleted";
  if (!created && !edited && !deleted) return;
  const Millis hour = at / kHour * kHour;
  count_.Execute(hour, room, created ? 1 : 0, edited ? 1 : 0, deleted ? 1 : 0, latency);
  if (!user.empty()) active_.Execute(hour, room, user);
  const auto bound = std::ranges::lower_bound(kLatencyBounds, latency);
  latency_.Execute(hour, room, bound - kLatencyBounds.begin());
}

void AnalyticsRows::Forget(Millis before) {
  forget_hours_.Execute(before);
  forget_users_.Execute(before);
  forget_latencies_.Execute(before);
}

std::map<std::pair<std::string, Millis>, AnalyticsCount> AnalyticsRows::Between(Millis from, Millis to,
                                                                                std::string_view room) {
  std::map<std::pair<std::string, Millis>, AnalyticsCount> all;
  for (auto rows = hours_.Query(from, to, room); rows.Next();) {
    AnalyticsCount& count = all[{std::string(rows.Text(1)), rows.Int(0)}];
    count.messages = rows.Whole(2);
    count.edits = rows.Whole(3);
    count.deletes = rows.Whole(4);
    count.slowest = rows.Int(5);
  }
  for (auto rows = users_.Query(from, to, room); rows.Next();) {
    all[{std::string(rows.Text(1)), rows.Int(0)}].users.emplace(rows.Text(2));
  }
  for (auto rows = latencies_.Query(from, to, room); rows.Next();) {
    const std::size_t bucket = std::min<std::size_t>(rows.Whole(2), kLatencyBounds.size());
    all[{std::string(rows.Text(1)), rows.Int(0)}].latencies[bucket] = rows.Whole(3);
  }
  return all;
}

}  // namespace tidings::app
