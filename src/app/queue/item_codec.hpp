// How messages and headers lie in the rows of queues: each part with its length before it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/messaging/message.hpp>

namespace tidings::app {

std::string EncodeHeaders(const messaging::Headers& headers);
std::string EncodeMessage(const messaging::Message& message);
// Nothing if it is none.
std::optional<messaging::Headers> DecodeHeaders(std::string_view bytes);
std::optional<messaging::Message> DecodeMessage(std::string_view bytes);

}  // namespace tidings::app
