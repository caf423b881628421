#include "webhook/webhook_kind.hpp"

#include <tidings/base/json.hpp>

#include "event_check.hpp"
#include "lane.hpp"
#include "webhook/delivery_rows.hpp"
#include "webhook/webhook_job.hpp"

namespace tidings::app {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kCreated = "message.created";
constexpr std::size_t kMostConnections = 256;

net::HttpClientOptions ClientOptions(const WebhookOptions& options) {
  net::HttpClientOptions client;
  client.private_addresses = options.private_addresses;
  client.timeout = options.timeout;
  client.most_at_once = kMostConnections;
  client.most_reply = 256;
  client.user_agent = "tidings-webhook";
  return client;
}

// {"type","timestamp","id","room","seq","data"}: the payload's form in Standard Webhooks, and where the event is in the log.
Result<std::string> PayloadOf(const messaging::Message& event) {
  if (Status checked = CheckTimedEvent(event); !checked) return std::unexpected(checked.error());
  const auto body = json::Parse(event.body);
  if (!body || !body->is_object()) return Fail(ErrorCode::kMalformed, "the event's body is no JSON object");
  std::string data;
  if (event.type == kCreated) {
    data = event.body;
  } else {
    const json::value* const inner = body->get_object().if_contains("data");
    data = inner == nullptr ? "null" : json::serialize(*inner);
  }
  std::string payload;
  json::ObjectWriter writer(payload);
  writer.Text("type", event.type).Text("timestamp", event.headers.Get("cloudEvents:time")).Text("id", event.id);
  writer.Text("room", KeyOf(event)).Number("seq", event.headers.Number("seq").value_or(0)).Raw("data", data).End();
  return payload;
}

}  // namespace

std::vector<std::chrono::milliseconds> WebhookOptions::RecommendedRetry() {
  return {5s, 5min, 30min, 2h, 5h, 10h, 14h, 20h, 24h};
}

WebhookKind::WebhookKind(WebhookOptions options)
    : options_(std::move(options)), watch_(options_.data), client_(ClientOptions(options_)) {}

WebhookKind::~WebhookKind() = default;

std::string_view WebhookKind::schema() const { return kWebhookSchema; }

Result<std::vector<messaging::Message>> WebhookKind::Split(const messaging::Message& event) {
  std::vector<messaging::Message> pieces;
  std::string payload;
  const std::string room = KeyOf(event);
  const auto endpoints = watch_.Now();
  for (const WebhookEndpoint& endpoint : *endpoints) {
    if (!endpoint.Wants(event.type, room)) continue;
    if (payload.empty()) {
      auto made = PayloadOf(event);
      if (!made) return std::unexpected(made.error());
      payload = std::move(*made);
    }
    auto piece = messaging::Message::WithId(event.id + "." + endpoint.id, event.type, payload);
    piece.key = endpoint.id;
    piece.headers.Set(kWebhookEventHeader, event.id);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

std::unique_ptr<LaneJob> WebhookKind::MakeJob(LaneGround ground) {
  return std::make_unique<WebhookJob>(options_, watch_, client_, std::move(ground));
}

}  // namespace tidings::app
