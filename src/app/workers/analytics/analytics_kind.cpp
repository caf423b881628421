#include "analytics/analytics_kind.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include <tidings/base/json.hpp>
#include <tidings/base/log.hpp>

#include "analytics/analytics_rows.hpp"
#include "event_check.hpp"
#include "lane.hpp"

namespace tidings::app {
namespace {

using messaging::Task;

constexpr std::chrono::days kKept{400};
constexpr std::chrono::hours kForgetEvery{1};

// Whose doing the event is: the message's author, or what an event says of itself.
std::string UserOf(const messaging::Message& event, const json::object& body) {
  const bool created = event.type == "message.created";
  const auto user = json::OptionalText(body, created ? "created_by" : "by");
  return user ? user->value_or("") : std::string();
}

class AnalyticsJob final : public LaneJob {
 public:
  explicit AnalyticsJob(LaneGround ground) : ground_(std::move(ground)), stopped_(ground_.executor) {}

  Status Handle(const messaging::Message& piece, LaneUnit& unit) override {
    const auto body = json::Parse(piece.body);
    if (!body || !body->is_object()) return Fail(ErrorCode::kMalformed, "the event's body is no JSON object");
    if (Status checked = CheckTimedEvent(piece); !checked) return checked;
    const auto at = ParseTime(piece.headers.Get("cloudEvents:time"));
    const std::string room = KeyOf(piece);
    const Millis latency = std::max<Millis>(ground_.timers.Now() - *at, 0);
    unit.Write(
        [room, at = *at, type = piece.type, user = UserOf(piece, body->get_object()),
         latency](sqlite::Database& database) { database.Slot<AnalyticsRows>().Count(room, at, type, user, latency); });
    return {};
  }
  void Begin() override {
    running_ = true;
    boost::asio::co_spawn(ground_.executor, Run(), boost::asio::detached);
  }
  Task<void> End(std::chrono::milliseconds) override {
    stopping_ = true;
    stopped_.NotifyAll();
    while (running_) co_await stopped_.WaitFor(ground_.timers, std::chrono::seconds(1));
  }

 private:
  Task<void> Run() {
    while (!stopping_) {
      const Millis before = ground_.timers.Now() - std::chrono::milliseconds(kKept).count();
      const Status forgotten = co_await ground_.store.Write(
          [before](sqlite::Database& database) { database.Slot<AnalyticsRows>().Forget(before); });
      if (!forgotten) log::Warning("analytics_not_tidied", {{"reason", forgotten.error().message()}});
      if (!stopping_) co_await stopped_.WaitFor(ground_.timers, kForgetEvery);
    }
    running_ = false;
    stopped_.NotifyAll();
  }

  LaneGround ground_;
  messaging::Signal stopped_;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace

std::string_view AnalyticsKind::schema() const { return kAnalyticsSchema; }

std::unique_ptr<LaneJob> AnalyticsKind::MakeJob(LaneGround ground) {
  return std::make_unique<AnalyticsJob>(std::move(ground));
}

}  // namespace tidings::app
