#include "webhook/webhook_kind.hpp"

#include <map>

#include <tidings/base/json.hpp>

#include "event_check.hpp"
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
  writer.Text("room", KeyOf(event))
      .Number("seq", event.headers.Number(kNumberHeader).value_or(0))
      .Raw("data", data)
      .End();
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

Result<std::vector<LanePiece>> WebhookKind::Split(const messaging::Message& event, std::size_t lanes) {
  class Share {
   public:
    std::string_view oldest;
    std::vector<std::string_view> wanting;
  };
  std::map<std::size_t, Share> shares;
  const std::string room = KeyOf(event);
  const auto endpoints = watch_.Now();
  if (!endpoints) return Fail(ErrorCode::kUnavailable, "the endpoints of the webhooks cannot be read");
  bool wanted = false;
  for (const WebhookEndpoint& endpoint : *endpoints) {
    Share& share = shares[LaneOf(endpoint.id, lanes)];
    // Ids rise with time.
    if (share.oldest.empty() || endpoint.id < share.oldest) share.oldest = endpoint.id;
    if (!endpoint.Wants(event.type, room)) continue;
    share.wanting.push_back(endpoint.id);
    wanted = true;
  }
  std::string payload;
  if (wanted) {
    auto made = PayloadOf(event);
    if (!made) return std::unexpected(made.error());
    payload = std::move(*made);
  }
  std::vector<LanePiece> pieces;
  for (const auto& [lane, share] : shares) {
    auto piece = messaging::Message::WithId(event.id + "." + std::to_string(lane), event.type,
                                            share.wanting.empty() ? "" : WebhookPieceBody(share.wanting, payload));
    piece.key = room + "." + std::string(share.oldest);
    piece.headers.Set(kWebhookEventHeader, event.id);
    if (const auto number = event.headers.Find(kNumberHeader)) piece.headers.Set(kNumberHeader, std::string(*number));
    pieces.emplace_back(lane, std::move(piece));
  }
  return pieces;
}

std::unique_ptr<LaneJob> WebhookKind::MakeJob(LaneGround ground) {
  return std::make_unique<WebhookJob>(options_, watch_, client_, std::move(ground));
}

}  // namespace tidings::app
