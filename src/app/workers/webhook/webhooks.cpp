#include <tidings/app/webhooks.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>

#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/event_types.hpp>
#include <tidings/messaging/topology.hpp>
#include <tidings/net/http_client.hpp>

#include "folder.hpp"
#include "webhook/delivery_rows.hpp"
#include "webhook/endpoint.hpp"
#include "webhook/signature.hpp"

namespace tidings::app {
namespace {

constexpr std::size_t kMostEndpoints = 1'000;
constexpr std::size_t kMostTypes = 100;
constexpr std::size_t kMostDescription = 1'000;
constexpr std::size_t kMostPattern = 100;
constexpr std::chrono::hours kBothSecrets{24};

Error NoSuchEndpoint() { return Error(ErrorCode::kNotFound, "there is no such webhook"); }

// Runs `ask` on each lane's file. kUnavailable: one cannot be read just now.
Status AskLanes(const std::filesystem::path& data, const std::function<void(sqlite::Database&)>& ask) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(WorkerFolder(data, "webhook"), error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("lane-") || !name.ends_with(".db")) continue;
    try {
      sqlite::Database database(entry.path().string(), sqlite::Database::Mode::kReader);
      if (database.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'deliveries'") == 0) continue;
      ask(database);
    } catch (const StoreFailure& failure) {
      return Fail(ErrorCode::kUnavailable,
                  "the worker's file " + name + " cannot be read: " + failure.error().message());
    }
  }
  return {};
}

void AddState(WebhookState& all, const WebhookState& one) {
  all.delivered += one.delivered;
  all.waiting += one.waiting;
  all.dead += one.dead;
  all.dropped += one.dropped;
  if (one.last_at < all.last_at || one.last_at == 0) return;
  all.failures = one.failures;
  all.failing_since = one.failing_since;
  all.next_at = one.next_at;
  all.last_at = one.last_at;
  all.last_status = one.last_status;
  all.last_error = one.last_error;
  all.disabled_at = one.disabled_at;
  all.disabled_why = one.disabled_why;
  all.resumed = one.resumed;
}

// How each endpoint fares, over all lanes: it has one, but for what is left of a time with another number of them. Opening a
// lane's file costs more than asking it.
Result<std::vector<WebhookState>> StatesOf(const std::filesystem::path& data,
                                           std::span<const WebhookEndpoint> endpoints) {
  std::vector<WebhookState> all(endpoints.size());
  const Status asked = AskLanes(data, [&](sqlite::Database& database) {
    WebhookRows rows(database);
    for (std::size_t i = 0; i < endpoints.size(); ++i) AddState(all[i], rows.State(endpoints[i].id));
  });
  if (!asked) return std::unexpected(asked.error());
  return all;
}

Result<WebhookState> StateOf(const std::filesystem::path& data, const WebhookEndpoint& endpoint) {
  auto states = StatesOf(data, {&endpoint, 1});
  if (!states) return std::unexpected(states.error());
  return std::move(states->front());
}

void Time(json::ObjectWriter& writer, std::string_view key, Millis at) {
  if (at == 0) {
    writer.Null(key);
  } else {
    writer.Time(key, at);
  }
}

std::string Shown(const WebhookEndpoint& endpoint, const WebhookState& state, bool secret) {
  // What the worker disabled counts until it was enabled again, also before the worker has seen that.
  const bool disabled = state.disabled_at != 0 && endpoint.resumed == state.resumed;
  std::string out;
  json::ObjectWriter writer(out);
  writer.Text("_id", endpoint.id).Text("url", endpoint.url).Text("description", endpoint.description);
  AppendTexts(writer.Key("types"), endpoint.types);
  AppendTexts(writer.Key("rooms"), endpoint.rooms);
  if (secret) writer.Text("secret", endpoint.secret);
  writer.Bool("enabled", endpoint.enabled && !disabled);
  writer.Text("disabledReason", !endpoint.enabled ? "disabled by an administrator"
                                : disabled        ? state.disabled_why
                                                  : "");
  writer.Time("createdAt", endpoint.created_at).Time("updatedAt", endpoint.updated_at);
  writer.Number("delivered", state.delivered).Number("waiting", state.waiting).Number("dead", state.dead);
  writer.Number("dropped", state.dropped).Number("failures", state.failures);
  Time(writer, "failingSince", state.failing_since);
  Time(writer, "nextAt", state.next_at);
  Time(writer, "lastAt", state.last_at);
  writer.Number("lastStatus", static_cast<std::uint64_t>(state.last_status)).Text("lastError", state.last_error);
  writer.End();
  return out;
}

Status TakeList(const json::object& body, std::string_view key, std::size_t most, std::vector<std::string>& to) {
  if (!body.contains(key)) return {};
  auto list = json::TextList(body, key, most);
  if (!list) return std::unexpected(list.error());
  to = std::move(*list);
  return {};
}

// Whether the pattern fits a type that there is.
bool FitsSomeType(std::string_view pattern) {
  return std::ranges::any_of(chat::kEventTypes,
                             [&](std::string_view type) { return messaging::TopicMatches(pattern, type); });
}

Status CheckTypes(const std::vector<std::string>& types) {
  for (const std::string& type : types) {
    if (!type.empty() && type.size() <= kMostPattern && FitsSomeType(type)) continue;
    std::string all;
    for (const std::string_view known : chat::kEventTypes) all += (all.empty() ? "" : ", ") + std::string(known);
    return Fail(ErrorCode::kInvalid,
                "\"types\" holds what fits no event type: there are " + all + ", and patterns as message.* and #");
  }
  return {};
}

// What a body may say of an endpoint.
Status Take(const json::object& body, bool private_addresses, WebhookEndpoint& endpoint) {
  const auto url = json::OptionalText(body, "url");
  if (!url) return std::unexpected(url.error());
  if (*url) {
    if (Status fine = net::CheckUrl(**url); !fine) return std::unexpected(fine.error().Within("\"url\""));
    if (!private_addresses && net::NamesPrivateAddress(**url)) {
      return Fail(
          ErrorCode::kInvalid,
          "\"url\" leads to an address that is not public; the setting webhook.private_addresses = true allows it");
    }
    endpoint.url = **url;
  }
  const auto description = json::OptionalText(body, "description");
  if (!description) return std::unexpected(description.error());
  if (*description) {
    if ((*description)->size() > kMostDescription) return Fail(ErrorCode::kInvalid, "\"description\" is too long");
    endpoint.description = **description;
  }
  if (Status taken = TakeList(body, "types", kMostTypes, endpoint.types); !taken) return taken;
  if (Status checked = body.contains("types") ? CheckTypes(endpoint.types) : Status(); !checked) return checked;
  return TakeList(body, "rooms", kMostWebhookRooms, endpoint.rooms);
}

}  // namespace

Result<std::string> Webhooks::Create(const json::object& body) {
  WebhookEndpoint endpoint;
  if (Status taken = Take(body, private_addresses_, endpoint); !taken) return std::unexpected(taken.error());
  if (endpoint.url.empty()) return Fail(ErrorCode::kInvalid, "\"url\" is missing");
  const auto secret = json::OptionalText(body, "secret");
  if (!secret) return std::unexpected(secret.error());
  endpoint.secret = *secret ? **secret : NewWebhookSecret();
  if (!WebhookKey(endpoint.secret)) {
    return Fail(ErrorCode::kInvalid, "\"secret\" must be whsec_ and Base64 of 24 to 64 bytes");
  }
  endpoint.id = "wh_" + Uuid::Random(clock_.Now()).Text();
  endpoint.created_at = endpoint.updated_at = clock_.Now();
  const std::lock_guard lock(mutex_);
  auto endpoints = ReadWebhooks(data_);
  if (!endpoints) return std::unexpected(endpoints.error());
  if (endpoints->size() >= kMostEndpoints) return Fail(ErrorCode::kConflict, "there are 1000 webhooks already");
  endpoints->push_back(endpoint);
  if (Status written = WriteWebhooks(data_, *endpoints); !written) return std::unexpected(written.error());
  return Shown(endpoint, WebhookState(), true);
}

Result<std::string> Webhooks::List() const {
  const std::lock_guard lock(mutex_);
  const auto endpoints = ReadWebhooks(data_);
  if (!endpoints) return std::unexpected(endpoints.error());
  const auto states = StatesOf(data_, *endpoints);
  if (!states) return std::unexpected(states.error());
  std::string out = "[";
  for (std::size_t i = 0; i < endpoints->size(); ++i) {
    if (i > 0) out += ',';
    out += Shown((*endpoints)[i], (*states)[i], false);
  }
  return out + "]";
}

Result<std::string> Webhooks::Get(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto endpoints = ReadWebhooks(data_);
  if (!endpoints) return std::unexpected(endpoints.error());
  const auto found = std::ranges::find(*endpoints, id, &WebhookEndpoint::id);
  if (found == endpoints->end()) return std::unexpected(NoSuchEndpoint());
  const auto state = StateOf(data_, *found);
  if (!state) return std::unexpected(state.error());
  return Shown(*found, *state, false);
}

Result<std::string> Webhooks::Edit(std::string_view id, bool secret,
                                   const std::function<Status(WebhookEndpoint&)>& edit) {
  const std::lock_guard lock(mutex_);
  auto endpoints = ReadWebhooks(data_);
  if (!endpoints) return std::unexpected(endpoints.error());
  const auto found = std::ranges::find(*endpoints, id, &WebhookEndpoint::id);
  if (found == endpoints->end()) return std::unexpected(NoSuchEndpoint());
  if (Status edited = edit(*found); !edited) return std::unexpected(edited.error());
  found->updated_at = clock_.Now();
  if (Status written = WriteWebhooks(data_, *endpoints); !written) return std::unexpected(written.error());
  const auto state = StateOf(data_, *found);
  return Shown(*found, state.value_or(WebhookState()), secret);
}

Result<std::string> Webhooks::Change(std::string_view id, const json::object& body) {
  return Edit(id, false, [&](WebhookEndpoint& endpoint) -> Status {
    if (Status taken = Take(body, private_addresses_, endpoint); !taken) return taken;
    const auto enabled = json::OptionalBool(body, "enabled");
    if (!enabled) return std::unexpected(enabled.error());
    if (!*enabled) return {};
    endpoint.enabled = **enabled;
    if (endpoint.enabled) ++endpoint.resumed;
    return {};
  });
}

Result<std::string> Webhooks::Rotate(std::string_view id) {
  return Edit(id, true, [&](WebhookEndpoint& endpoint) -> Status {
    endpoint.previous_secret = std::exchange(endpoint.secret, NewWebhookSecret());
    endpoint.previous_until = clock_.Now() + std::chrono::milliseconds(kBothSecrets).count();
    return {};
  });
}

Result<std::string> Webhooks::Replay(std::string_view id) {
  return Edit(id, false, [](WebhookEndpoint& endpoint) -> Status {
    ++endpoint.replays;
    return {};
  });
}

Result<std::string> Webhooks::Remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  auto endpoints = ReadWebhooks(data_);
  if (!endpoints) return std::unexpected(endpoints.error());
  if (std::erase_if(*endpoints, [&](const WebhookEndpoint& endpoint) { return endpoint.id == id; }) == 0) {
    return std::unexpected(NoSuchEndpoint());
  }
  if (Status written = WriteWebhooks(data_, *endpoints); !written) return std::unexpected(written.error());
  std::string out;
  json::ObjectWriter(out).Text("_id", id).End();
  return out;
}

Result<std::string> Webhooks::Dead(std::string_view id, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  const auto endpoints = ReadWebhooks(data_);
  if (!endpoints) return std::unexpected(endpoints.error());
  if (std::ranges::find(*endpoints, id, &WebhookEndpoint::id) == endpoints->end()) {
    return std::unexpected(NoSuchEndpoint());
  }
  std::string out = "[";
  std::size_t shown = 0;
  const Status asked = AskLanes(data_, [&](sqlite::Database& database) {
    sqlite::Statement dead(database,
                           "SELECT event, type, at, dead_at, attempts, error, payload FROM deliveries WHERE endpoint = "
                           "?1 AND dead_at IS NOT NULL ORDER BY number LIMIT ?2");
    for (auto rows = dead.Query(id, limit - shown); rows.Next();) {
      if (shown++ > 0) out += ',';
      json::ObjectWriter writer(out);
      writer.Text("event", rows.Text(0)).Text("type", rows.Text(1)).Time("at", rows.Int(2)).Time("deadAt", rows.Int(3));
      writer.Number("attempts", rows.Whole(4)).Text("error", rows.Text(5)).Raw("payload", rows.Text(6)).End();
    }
  });
  if (!asked) return std::unexpected(asked.error());
  return out + "]";
}

}  // namespace tidings::app
