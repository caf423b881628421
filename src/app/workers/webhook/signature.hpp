// Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com): symmetric, version v1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>

namespace tidings::app {

// whsec_ and 32 random bytes in Base64.
std::string NewWebhookSecret();
// Its bytes; nothing unless it is whsec_ and Base64 of 24 to 64 bytes.
std::optional<std::string> WebhookKey(std::string_view secret);
// "v1,…" over "id.seconds.body". REQUIRES: WebhookKey(secret).
std::string SignWebhook(std::string_view secret, std::string_view id, std::int64_t seconds, std::string_view body);

}  // namespace tidings::app
