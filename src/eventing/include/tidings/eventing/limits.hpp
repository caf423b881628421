// The bounds of the EventStore port, for its implementations.
#pragma once

#include <span>
#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/eventing/event_store.hpp>

namespace tidings::eventing {

inline constexpr std::size_t kMaxStreamName = 256;  // bytes
inline constexpr std::size_t kMaxType = 64;         // bytes
inline constexpr std::size_t kMaxData = 16 << 20;   // bytes

// kInvalid for a stream's name or an event out of bounds, and for no event at all.
Status CheckAppend(std::string_view stream, std::span<const NewEvent> events);

}  // namespace tidings::eventing
