// The tables of a webhook lane: what is to be delivered, and how each endpoint fares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::app {

// Statements that may run again.
extern const std::string_view kWebhookSchema;

class WebhookDelivery {
 public:
  std::int64_t number = 0;
  std::string event;
  std::string type;
  std::string payload;
  std::uint32_t attempts = 0;  // that failed
};

// How an endpoint fares.
class WebhookState {
 public:
  std::uint64_t failures = 0;  // in a row
  Millis failing_since = 0;    // 0: it does not fail
  Millis next_at = 0;          // no try before
  std::uint64_t delivered = 0;
  std::uint64_t waiting = 0;
  std::uint64_t dead = 0;
  std::uint64_t dropped = 0;  // dead letters that there was no room for
  Millis last_at = 0;         // of the last try
  std::int64_t last_status = 0;
  std::string last_error;
  Millis disabled_at = 0;     // by the worker; 0: it is not
  std::string disabled_why;
  std::uint64_t resumed = 0;  // how far what the operator asked for is followed
  std::uint64_t replays = 0;
};

// All throw StoreFailure. Those that write: within a transaction.
class WebhookRows {
 public:
  explicit WebhookRows(sqlite::Database& database);

  std::vector<std::string> Endpoints();
  WebhookState State(std::string_view endpoint);
  std::optional<WebhookDelivery> Next(std::string_view endpoint);

  // Dead at once if too much waits for the endpoint.
  void Add(std::string_view endpoint, std::string_view event, std::string_view type, std::string_view payload,
           Millis now);
  void Delivered(std::string_view endpoint, std::int64_t number, Millis now, int status);
  void Failed(std::string_view endpoint, std::int64_t number, Millis now, int status, std::string_view error,
              Millis next_at);
  void Bury(std::string_view endpoint, std::int64_t number, std::string_view error, Millis now);
  void BuryAll(std::string_view endpoint, std::string_view error, Millis now);
  void Disable(std::string_view endpoint, std::string_view why, Millis now);
  void Resume(std::string_view endpoint, std::uint64_t resumed);
  void Replay(std::string_view endpoint, std::uint64_t replays);
  void Remove(std::string_view endpoint);

  // Dead letters that there was no room for, also of endpoints that are gone. REQUIRES: the schema's table webhook_losses.
  static std::uint64_t Lost(sqlite::Database& database);

  static constexpr std::int64_t kMostWaiting = 1'000'000;
  static constexpr std::int64_t kMostDead = 100'000;

 private:
  void DropOldestDead(std::string_view endpoint);

  sqlite::Statement endpoints_;
  sqlite::Statement state_;
  sqlite::Statement next_;
  sqlite::Statement know_;
  sqlite::Statement add_;
  sqlite::Statement count_added_;
  sqlite::Statement remove_one_;
  sqlite::Statement delivered_;
  sqlite::Statement attempt_;
  sqlite::Statement failed_;
  sqlite::Statement bury_;
  sqlite::Statement bury_all_;
  sqlite::Statement count_buried_;
  sqlite::Statement drop_dead_;
  sqlite::Statement count_dropped_;
  sqlite::Statement count_lost_;
  sqlite::Statement disable_;
  sqlite::Statement resume_;
  sqlite::Statement replay_;
  sqlite::Statement count_replayed_;
  sqlite::Statement remove_;
  sqlite::Statement remove_state_;
};

}  // namespace tidings::app
