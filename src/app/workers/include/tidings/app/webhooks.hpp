// Webhooks: what administrators do with the endpoints of the webhook worker, for the server's HTTP calls.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>

namespace tidings::app {

struct WebhookEndpoint;

// The endpoints lie in data/workers/webhook/endpoints.json, and this is their only writer; how they fare is read from the
// workers' own files. Every call reads and some write the disk. Thread-safe. Answers are the JSON of what is asked for.
class Webhooks {
 public:
  // `clock` outlives it. One for a data folder. Without `private_addresses` no endpoint may name an address that is not public;
  // what names lead to is looked at by the worker.
  Webhooks(std::filesystem::path data, const Clock& clock, bool private_addresses)
      : data_(std::move(data)), clock_(clock), private_addresses_(private_addresses) {}

  // {url, description?, types?, rooms?, secret?}; kInvalid says what is wrong. The answer alone shows the secret.
  Result<std::string> Create(const json::object& body);
  Result<std::string> List() const;
  Result<std::string> Get(std::string_view id) const;
  // Any of {url, description, types, rooms, enabled}. `enabled: true` also ends what the worker disabled for its failures.
  Result<std::string> Change(std::string_view id, const json::object& body);
  // With everything that waits for it.
  Result<std::string> Remove(std::string_view id);
  // A new secret; the old one signs beside it for a day.
  Result<std::string> Rotate(std::string_view id);
  // Its dead letters are delivered again, in their order, before what comes.
  Result<std::string> Replay(std::string_view id);
  // The oldest ones.
  Result<std::string> Dead(std::string_view id, std::size_t limit) const;

 private:
  Result<std::string> Edit(std::string_view id, bool secret, const std::function<Status(WebhookEndpoint&)>& edit);

  const std::filesystem::path data_;
  const Clock& clock_;
  const bool private_addresses_;
  mutable std::mutex mutex_;
};

}  // namespace tidings::app
