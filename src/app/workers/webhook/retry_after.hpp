// What an endpoint asks for by the header Retry-After (RFC 9110 §10.2.3).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include <tidings/base/clock.hpp>

namespace tidings::app {

constexpr std::chrono::milliseconds kMostRetryAfter = std::chrono::hours(24);

// How long to wait, kMostRetryAfter at most: so many seconds, or until a date of the form that is sent (IMF-fixdate, §5.6.7),
// which may be over. Nothing if it is neither.
std::optional<std::chrono::milliseconds> RetryAfter(std::string_view header, Millis now);

}  // namespace tidings::app
