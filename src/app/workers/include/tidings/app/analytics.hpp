// What the analytics worker counted, for the server's HTTP call.
#pragma once

#include <filesystem>
#include <string>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

// The JSON of GET /api/v1/admin/analytics, from an hour's begin to before another; of one room if it is named. Reads the disk; any
// thread. Zeros where the worker never ran.
Result<std::string> AskAnalytics(const std::filesystem::path& data, Millis from, Millis to, const std::string& room);

}  // namespace tidings::app
