#include "webhook/delivery_rows.hpp"

namespace tidings::app {

const std::string_view kWebhookSchema = R"(
  CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL,
    payload TEXT NOT NULL, at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    dead_at INTEGER, error TEXT NOT NULL DEFAULT '');
  CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (endpoint, number) WHERE dead_at IS NULL;
  CREATE INDEX IF NOT EXISTS deliveries_dead ON deliveries (endpoint, number) WHERE dead_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS endpoints (
    id TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0, failing_since INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, waiting INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0, last_at INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '', disabled_at INTEGER NOT NULL DEFAULT 0,
    disabled_why TEXT NOT NULL DEFAULT '', resumed INTEGER NOT NULL DEFAULT 0, replays INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS webhook_losses (id INTEGER PRIMARY KEY, letters INTEGER NOT NULL);
)";

WebhookRows::WebhookRows(sqlite::Database& database)
    : endpoints_(database, "SELECT id FROM endpoints"),
      state_(database,
             "SELECT failures, failing_since, next_at, delivered, waiting, dead, dropped, last_at, last_status, "
             "last_error, disabled_at, disabled_why, resumed, replays FROM endpoints WHERE id = ?1"),
      next_(database,
            "SELECT number, event, type, payload, attempts FROM deliveries WHERE endpoint = ?1 AND dead_at IS NULL "
            "ORDER BY number LIMIT 1"),
      know_(database, "INSERT INTO endpoints (id) VALUES (?1) ON CONFLICT DO NOTHING"),
      add_(
          database,
          "INSERT INTO deliveries (endpoint, event, type, payload, at, dead_at, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
          "?7)"),
      count_added_(database, "UPDATE endpoints SET waiting = waiting + ?2, dead = dead + ?3 WHERE id = ?1"),
      remove_one_(database, "DELETE FROM deliveries WHERE number = ?1"),
      delivered_(database,
                 "UPDATE endpoints SET failures = 0, failing_since = 0, next_at = 0, delivered = delivered + 1, "
                 "waiting = waiting - 1, last_at = ?2, last_status = ?3, last_error = '' WHERE id = ?1"),
      attempt_(database, "UPDATE deliveries SET attempts = attempts + 1, error = ?2 WHERE number = ?1"),
      failed_(
          database,
          "UPDATE endpoints SET failures = failures + 1, next_at = ?5, last_at = ?2, last_status = ?3, "
          "last_error = ?4, failing_since = CASE failing_since WHEN 0 THEN ?2 ELSE failing_since END WHERE id = ?1"),
      bury_(database, "UPDATE deliveries SET dead_at = ?2, error = ?3 WHERE number = ?1 AND dead_at IS NULL"),
      bury_all_(database, "UPDATE deliveries SET dead_at = ?2, error = ?3 WHERE endpoint = ?1 AND dead_at IS NULL"),
      count_buried_(database, "UPDATE endpoints SET waiting = waiting - ?2, dead = dead + ?2 WHERE id = ?1"),
      drop_dead_(database,
                 "DELETE FROM deliveries WHERE endpoint = ?1 AND dead_at IS NOT NULL AND number <= (SELECT number FROM "
                 "deliveries WHERE endpoint = ?1 AND dead_at IS NOT NULL ORDER BY number DESC LIMIT 1 OFFSET ?2)"),
      count_dropped_(database, "UPDATE endpoints SET dead = dead - ?2, dropped = dropped + ?2 WHERE id = ?1"),
      count_lost_(database,
                  "INSERT INTO webhook_losses (id, letters) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET letters = "
                  "letters + ?1"),
      disable_(database, "UPDATE endpoints SET disabled_at = ?2, disabled_why = ?3 WHERE id = ?1"),
      resume_(database,
              "UPDATE endpoints SET disabled_at = 0, disabled_why = '', failures = 0, failing_since = 0, next_at = 0, "
              "resumed = ?2 WHERE id = ?1"),
      replay_(database,
              "UPDATE deliveries SET dead_at = NULL, attempts = 0, error = '' WHERE endpoint = ?1 AND dead_at IS NOT "
              "NULL"),
      count_replayed_(database,
                      "UPDATE endpoints SET waiting = waiting + ?2, dead = dead - ?2, replays = ?3, next_at = 0 WHERE "
                      "id = ?1"),
      remove_(database, "DELETE FROM deliveries WHERE endpoint = ?1"),
      remove_state_(database, "DELETE FROM endpoints WHERE id = ?1") {}

std::vector<std::string> WebhookRows::Endpoints() {
  std::vector<std::string> ids;
  for (auto rows = endpoints_.Query(); rows.Next();) ids.emplace_back(rows.Text(0));
  return ids;
}

WebhookState WebhookRows::State(std::string_view endpoint) {
  WebhookState state;
  auto rows = state_.Query(endpoint);
  if (!rows.Next()) return state;
  state.failures = rows.Whole(0);
  state.failing_since = rows.Int(1);
  state.next_at = rows.Int(2);
  state.delivered = rows.Whole(3);
  state.waiting = rows.Whole(4);
  state.dead = rows.Whole(5);
  state.dropped = rows.Whole(6);
  state.last_at = rows.Int(7);
  state.last_status = rows.Int(8);
  state.last_error = rows.Text(9);
  state.disabled_at = rows.Int(10);
  state.disabled_why = rows.Text(11);
  state.resumed = rows.Whole(12);
  state.replays = rows.Whole(13);
  return state;
}

std::optional<WebhookDelivery> WebhookRows::Next(std::string_view endpoint) {
  auto rows = next_.Query(endpoint);
  if (!rows.Next()) return std::nullopt;
  WebhookDelivery delivery;
  delivery.number = rows.Int(0);
  delivery.event = rows.Text(1);
  delivery.type = rows.Text(2);
  delivery.payload = rows.Text(3);
  delivery.attempts = static_cast<std::uint32_t>(rows.Int(4));
  return delivery;
}

void WebhookRows::Add(std::string_view endpoint, std::string_view event, std::string_view type,
                      std::string_view payload, Millis now) {
  know_.Execute(endpoint);
  const bool full = static_cast<std::int64_t>(State(endpoint).waiting) >= kMostWaiting;
  add_.Execute(endpoint, event, type, payload, now, full ? std::optional<Millis>(now) : std::nullopt,
               full ? "too much waits for this endpoint" : "");
  count_added_.Execute(endpoint, full ? 0 : 1, full ? 1 : 0);
  if (full) DropOldestDead(endpoint);
}

void WebhookRows::Delivered(std::string_view endpoint, std::int64_t number, Millis now, int status) {
  if (remove_one_.Execute(number) == 0) return;
  delivered_.Execute(endpoint, now, status);
}

void WebhookRows::Failed(std::string_view endpoint, std::int64_t number, Millis now, int status, std::string_view error,
                         Millis next_at) {
  attempt_.Execute(number, error);
  failed_.Execute(endpoint, now, status, error, next_at);
}

void WebhookRows::Bury(std::string_view endpoint, std::int64_t number, std::string_view error, Millis now) {
  count_buried_.Execute(endpoint, bury_.Execute(number, now, error));
  DropOldestDead(endpoint);
}

void WebhookRows::BuryAll(std::string_view endpoint, std::string_view error, Millis now) {
  count_buried_.Execute(endpoint, bury_all_.Execute(endpoint, now, error));
  DropOldestDead(endpoint);
}

void WebhookRows::DropOldestDead(std::string_view endpoint) {
  if (static_cast<std::int64_t>(State(endpoint).dead) <= kMostDead) return;
  const std::int64_t dropped = drop_dead_.Execute(endpoint, kMostDead);
  count_dropped_.Execute(endpoint, dropped);
  count_lost_.Execute(dropped);
}

std::uint64_t WebhookRows::Lost(sqlite::Database& database) {
  return static_cast<std::uint64_t>(database.Number("SELECT coalesce(sum(letters), 0) FROM webhook_losses"));
}

void WebhookRows::Disable(std::string_view endpoint, std::string_view why, Millis now) {
  disable_.Execute(endpoint, now, why);
}

void WebhookRows::Resume(std::string_view endpoint, std::uint64_t resumed) {
  know_.Execute(endpoint);
  resume_.Execute(endpoint, resumed);
}

void WebhookRows::Replay(std::string_view endpoint, std::uint64_t replays) {
  know_.Execute(endpoint);
  count_replayed_.Execute(endpoint, replay_.Execute(endpoint), replays);
}

void WebhookRows::Remove(std::string_view endpoint) {
  remove_.Execute(endpoint);
  remove_state_.Execute(endpoint);
}

}  // namespace tidings::app
