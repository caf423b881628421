// The trace that an event belongs to, by W3C Trace Context (§3.2): taken as the call names it, kept beside what the event
// tells, and shown by the queue alone. The format is described in docs/format.md.
#pragma once

#include <string>
#include <string_view>

#include <tidings/eventing/event_store.hpp>

namespace tidings::chat {

// 00-<trace>-<parent>-<flags>: 55 characters, lower-case hexadecimal, neither id zero. Other versions are none: what they
// would mean is not known.
bool IsTraceParent(std::string_view text);

// The record of an event with its trace. An empty `trace_parent` leaves it as it is.
std::string WithTraceParent(std::string record, std::string_view trace_parent);
// Empty if the event has none, or its record is damaged.
std::string TraceParentOf(const eventing::StoredEvent& event);

}  // namespace tidings::chat
