#include "webhook/webhook_job.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include <tidings/base/json.hpp>
#include <tidings/base/log.hpp>

#include "event_check.hpp"
#include "webhook/retry_after.hpp"
#include "webhook/signature.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr int kGone = 410;
// How soon a change of the endpoints is seen by those that wait for nothing else.
constexpr milliseconds kLookForDeliveriesEvery = 500ms;
constexpr milliseconds kAfterFailedCommit = 1s;
constexpr std::size_t kMostDeliveryError = 200;

std::string WhyOf(const net::HttpReply& reply) {
  if (reply.refused) return reply.error + "; webhook.private_addresses = true allows it";
  if (reply.status == 0) return reply.error.substr(0, kMostDeliveryError);
  return "status " + std::to_string(reply.status);
}

}  // namespace

WebhookJob::WebhookJob(const WebhookOptions& options, WebhookWatch& watch, net::HttpClient& client, LaneGround ground)
    : options_(options),
      watch_(watch),
      ground_(std::move(ground)),
      questions_(client, ground_.executor),
      ended_(ground_.executor) {}

std::string WebhookPieceBody(const std::vector<std::string_view>& endpoints, std::string_view payload) {
  std::string body;
  for (const std::string_view id : endpoints) {
    if (!body.empty()) body += ' ';
    body += id;
  }
  body += '\n';
  body += payload;
  return body;
}

Status WebhookJob::Handle(const messaging::Message& piece, LaneUnit& unit) {
  // Nobody here wants the event.
  if (piece.body.empty()) return {};
  const std::size_t end = piece.body.find('\n');
  const bool named = IsHeaderValue(piece.type) && IsHeaderValue(piece.headers.Get(kWebhookEventHeader));
  const auto parsed =
      json::Parse(end == std::string::npos ? std::string_view() : std::string_view(piece.body).substr(end + 1));
  if (!named || !parsed || !parsed->is_object()) {
    return Fail(ErrorCode::kMalformed, "this is no piece of a webhook");
  }
  std::vector<std::string> endpoints;
  for (std::string_view rest = std::string_view(piece.body).substr(0, end); !rest.empty();) {
    const std::string_view id = rest.substr(0, rest.find(' '));
    endpoints.emplace_back(id);
    rest.remove_prefix(std::min(id.size() + 1, rest.size()));
  }
  unit.Write([endpoints, event = std::string(piece.headers.Get(kWebhookEventHeader)), type = piece.type,
              payload = piece.body.substr(end + 1), now = ground_.timers.Now()](sqlite::Database& database) {
    auto& rows = database.Slot<WebhookRows>();
    for (const std::string& endpoint : endpoints) rows.Add(endpoint, event, type, payload, now);
  });
  unit.After([this, endpoints = std::move(endpoints)] {
    for (const std::string& endpoint : endpoints) Serve(endpoint);
  });
  return {};
}

void WebhookJob::Begin() {
  begun_ = true;
  for (const std::string& endpoint : rows().Endpoints()) Serve(endpoint);
  ++running_;
  boost::asio::co_spawn(ground_.executor, Watch(), boost::asio::detached);
}

Task<void> WebhookJob::End(milliseconds deadline) {
  stopping_ = true;
  ended_.NotifyAll();
  for (const auto& [endpoint, serving] : served_) serving->more.NotifyAll();
  const Millis until = ground_.timers.Steady() + deadline.count();
  const auto left = [&] { return milliseconds(until - ground_.timers.Steady()); };
  while (running_ > 0 && left() > 0ms) co_await ended_.WaitFor(ground_.timers, left());
  questions_.CancelAll();
  while (running_ > 0) co_await ended_.WaitFor(ground_.timers, 1s);
}

void WebhookJob::Serve(const std::string& endpoint) {
  if (stopping_ || !begun_) return;
  auto& serving = served_[endpoint];
  if (serving) return serving->more.NotifyAll();
  serving = std::make_shared<Serving>(ground_.executor);
  ++running_;
  boost::asio::co_spawn(ground_.executor, Deliver(endpoint, serving), boost::asio::detached);
}

Task<void> WebhookJob::Watch() {
  auto known = watch_.Now();
  while (!stopping_) {
    co_await ended_.WaitFor(ground_.timers, kLookForDeliveriesEvery);
    const auto now = watch_.Now();
    if (now == known) continue;
    known = now;
    for (const auto& [endpoint, serving] : served_) serving->more.NotifyAll();
  }
  --running_;
  ended_.NotifyAll();
}

Task<void> WebhookJob::Deliver(std::string endpoint, std::shared_ptr<Serving> serving) {
  while (!stopping_) {
    std::optional<milliseconds> wait;
    bool more = false;
    try {
      more = co_await Step(endpoint, wait);
    } catch (const StoreFailure& failure) {
      log::Err("webhook_lane_not_read", {{"endpoint", endpoint}, {"reason", failure.error().message()}});
      wait = kAfterFailedCommit;
    }
    if (more || stopping_) continue;
    if (wait) {
      co_await serving->more.WaitFor(ground_.timers, *wait);
    } else {
      co_await serving->more.Wait();
    }
  }
  --running_;
  ended_.NotifyAll();
}

Task<bool> WebhookJob::Write(LaneStore::Effect effect) {
  const Status written = co_await ground_.store.Write(std::move(effect));
  if (!written) log::Err("webhook_outcome_not_kept", {{"reason", written.error().message()}});
  co_return written.has_value();
}

Task<bool> WebhookJob::Step(const std::string& id, std::optional<milliseconds>& wait) {
  const auto endpoints = watch_.Now();
  const bool sure = watch_.sure();
  if (!endpoints) {
    wait = kLookForDeliveriesEvery;
    co_return false;
  }
  const auto found = std::ranges::find(*endpoints, id, &WebhookEndpoint::id);
  const WebhookState state = rows().State(id);
  if (found == endpoints->end()) {
    if (state.waiting + state.dead == 0) co_return false;
    if (!sure) {
      wait = kLookForDeliveriesEvery;
      co_return false;
    }
    const bool removed = co_await Write([id](sqlite::Database& database) { database.Slot<WebhookRows>().Remove(id); });
    if (!removed) wait = kAfterFailedCommit;
    co_return removed;
  }
  const WebhookEndpoint& endpoint = *found;
  if (endpoint.resumed != state.resumed || endpoint.replays != state.replays) {
    const bool followed = co_await Follow(endpoint, state);
    if (!followed) wait = kAfterFailedCommit;
    co_return followed;
  }
  if (!endpoint.enabled || state.disabled_at != 0) {
    if (state.waiting == 0) co_return false;
    const bool buried = co_await Write([id, now = ground_.timers.Now()](sqlite::Database& database) {
      database.Slot<WebhookRows>().BuryAll(id, "the endpoint is disabled", now);
    });
    if (!buried) wait = kAfterFailedCommit;
    co_return buried;
  }
  const Millis now = ground_.timers.Now();
  // A wall clock may be set: it is waited in steps, and what lies further off than any pause is due.
  if (state.waiting > 0 && state.next_at > now && state.next_at - now <= LongestPause().count()) {
    wait = std::min<milliseconds>(milliseconds(state.next_at - now), 60s);
    co_return false;
  }
  const auto delivery = rows().Next(id);
  if (!delivery) co_return false;
  const net::HttpReply reply = co_await Post(endpoint, *delivery);
  // Cancelled: whoever has the lane next makes it again.
  if (stopping_ && reply.status == 0) co_return false;
  const bool settled = co_await Settle(id, state, *delivery, reply);
  if (!settled) wait = kAfterFailedCommit;
  co_return settled;
}

milliseconds WebhookJob::LongestPause() const {
  milliseconds longest = kMostRetryAfter;
  for (const milliseconds pause : options_.retry) longest = std::max(longest, pause);
  return longest + longest / 10;
}

Task<bool> WebhookJob::Follow(const WebhookEndpoint& endpoint, const WebhookState& state) {
  co_return co_await Write(
      [id = endpoint.id, resumed = endpoint.resumed, replays = endpoint.replays, state](sqlite::Database& database) {
        auto& rows = database.Slot<WebhookRows>();
        if (resumed != state.resumed) rows.Resume(id, resumed);
        if (replays != state.replays) rows.Replay(id, replays);
      });
}

Task<net::HttpReply> WebhookJob::Post(const WebhookEndpoint& endpoint, const WebhookDelivery& delivery) {
  const Millis now = ground_.timers.Now();
  const std::int64_t seconds = now / 1'000;
  std::string signatures = SignWebhook(endpoint.secret, delivery.event, seconds, delivery.payload);
  if (!endpoint.previous_secret.empty() && now < endpoint.previous_until) {
    signatures += ' ' + SignWebhook(endpoint.previous_secret, delivery.event, seconds, delivery.payload);
  }
  net::HttpPost request;
  request.url = endpoint.url;
  request.headers = {{"content-type", "application/json"},
                     {"webhook-id", delivery.event},
                     {"webhook-timestamp", std::to_string(seconds)},
                     {"webhook-signature", std::move(signatures)}};
  request.body = delivery.payload;
  co_return co_await questions_.Ask(std::move(request));
}

Task<bool> WebhookJob::Settle(const std::string& id, const WebhookState& state, const WebhookDelivery& delivery,
                              const net::HttpReply& reply) {
  const Millis now = ground_.timers.Now();
  const int status = reply.status;
  if (status >= 200 && status < 300) {
    co_return co_await Write([id, number = delivery.number, now, status](sqlite::Database& database) {
      database.Slot<WebhookRows>().Delivered(id, number, now, status);
    });
  }
  const auto& retry = options_.retry;
  const std::string why = WhyOf(reply);
  const bool gone = status == kGone;
  const bool over = delivery.attempts + 1 > retry.size();
  milliseconds pause =
      retry.empty() ? milliseconds(0) : WithJitter(retry[std::min<std::size_t>(state.failures, retry.size() - 1)]);
  if (const auto asked = RetryAfter(reply.retry_after, now)) pause = std::max(pause, *asked);
  const Millis since = state.failing_since == 0 ? now : state.failing_since;
  const bool hopeless = gone || now - since >= options_.disable_after.count();
  if (hopeless) log::Warning("webhook_disabled", {{"endpoint", id}, {"reason", why}});
  co_return co_await Write([id, number = delivery.number, now, status, why, gone, over, hopeless,
                            next = now + pause.count()](sqlite::Database& database) {
    auto& rows = database.Slot<WebhookRows>();
    rows.Failed(id, number, now, status, why, next);
    if (hopeless) {
      rows.Disable(id, gone ? "it answered 410 Gone" : "it has failed for too long, lastly with: " + why, now);
    } else if (over) {
      rows.Bury(id, number, why, now);
    }
  });
}

}  // namespace tidings::app
