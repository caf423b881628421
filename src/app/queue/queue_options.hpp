// The options of a queue as they lie in its row.
#pragma once

#include <string>
#include <string_view>

#include <tidings/messaging/topology.hpp>

namespace tidings::app {

// A JSON object.
std::string OptionsText(const messaging::QueueOptions& options);
// What is missing or makes no sense has its default.
messaging::QueueOptions OptionsOf(std::string_view text);

}  // namespace tidings::app
