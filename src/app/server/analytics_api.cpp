#include "analytics_api.hpp"

#include <tidings/app/analytics.hpp>

namespace tidings::app {
namespace {

constexpr Millis kHour = 3'600'000;
constexpr Millis kDay = 24 * kHour;
constexpr Millis kMost = 92 * kDay;

Result<Millis> TimeOf(const net::HttpCall& call, std::string_view name, Millis otherwise) {
  const std::string_view asked = call.request.Query(name);
  if (asked.empty()) return otherwise;
  const auto time = ParseTime(asked);
  if (time) return *time;
  return Fail(ErrorCode::kInvalid, "\"" + std::string(name) + "\" must be a time as 2026-11-26T00:00:00.000Z");
}

}  // namespace

void AddAnalyticsCall(net::HttpApi& api, net::ChatServices& services, std::string data) {
  api.AddAdminCall("GET", {"admin", "analytics"}, [&services, data = std::move(data)](net::HttpCall call) {
    const Millis now = services.clock.Now();
    const auto to = TimeOf(call, "to", now + kHour);
    if (!to) return call.Refuse(to.error());
    const auto from = TimeOf(call, "from", *to - kDay);
    if (!from) return call.Refuse(from.error());
    const Millis first = *from / kHour * kHour;
    const Millis end = (*to + kHour - 1) / kHour * kHour;
    if (first >= end || end - first > kMost) {
      return call.Refuse(Error(ErrorCode::kInvalid, "\"from\" must be before \"to\", by 92 days at most"));
    }
    std::string room(call.request.Query("room"));
    net::ReadThen<std::string>(
        services,
        [data, first, end, room = std::move(room)](chat::Reader&) { return AskAnalytics(data, first, end, room); },
        [call = std::move(call)](Result<std::string> answer) mutable { call.Answer(std::move(answer)); });
  });
}

}  // namespace tidings::app
