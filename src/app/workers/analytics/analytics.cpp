#include <tidings/app/analytics.hpp>

#include <algorithm>
#include <vector>

#include <tidings/base/json.hpp>

#include "analytics/analytics_rows.hpp"
#include "folder.hpp"

namespace tidings::app {
namespace {

constexpr std::size_t kMostRooms = 100;

void Write(json::ObjectWriter& writer, const AnalyticsCount& count) {
  writer.Number("messages", count.messages).Number("edits", count.edits).Number("deletes", count.deletes);
  writer.Number("activeUsers", count.users.size());
  json::ObjectWriter latency(writer.Key("latencyMs"));
  latency.Number("p50", static_cast<std::uint64_t>(count.Latency(0.5)));
  latency.Number("p95", static_cast<std::uint64_t>(count.Latency(0.95)));
  latency.Number("p99", static_cast<std::uint64_t>(count.Latency(0.99)));
  latency.Number("max", static_cast<std::uint64_t>(count.slowest)).End();
}

}  // namespace

Result<std::string> AskAnalytics(const std::filesystem::path& data, Millis from, Millis to, const std::string& room) {
  AnalyticsCount all;
  std::map<Millis, AnalyticsCount> hours;
  std::map<std::string, AnalyticsCount> rooms;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(WorkerFolder(data, "analytics"), error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("lane-") || !name.ends_with(".db")) continue;
    try {
      sqlite::Database database(entry.path().string(), sqlite::Database::Mode::kReader);
      if (database.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'latencies'") == 0) continue;
      for (const auto& [key, count] : AnalyticsRows(database).Between(from, to, room)) {
        all.Add(count);
        rooms[key.first].Add(count);
        hours[key.second].Add(count);
      }
    } catch (const StoreFailure& failure) {
      return Fail(ErrorCode::kUnavailable,
                  "the worker's file " + name + " cannot be read: " + failure.error().message());
    }
  }
  std::vector<const std::pair<const std::string, AnalyticsCount>*> busiest;
  busiest.reserve(rooms.size());
  for (const auto& each : rooms) busiest.push_back(&each);
  std::ranges::sort(busiest, [](const auto* a, const auto* b) {
    return std::pair(b->second.messages, a->first) < std::pair(a->second.messages, b->first);
  });
  if (busiest.size() > kMostRooms) busiest.resize(kMostRooms);
  std::string out;
  json::ObjectWriter writer(out);
  writer.Time("from", from).Time("to", to);
  Write(writer, all);
  writer.Key("hours") += '[';
  for (const auto& [hour, count] : hours) {
    if (out.back() != '[') out += ',';
    json::ObjectWriter one(out);
    one.Time("hour", hour);
    Write(one, count);
    one.End();
  }
  out += ']';
  writer.Key("rooms") += '[';
  for (const auto* each : busiest) {
    if (out.back() != '[') out += ',';
    json::ObjectWriter one(out);
    one.Text("room", each->first);
    Write(one, each->second);
    one.End();
  }
  out += ']';
  writer.End();
  return out;
}

}  // namespace tidings::app
