// What Redis answers about streams, read.
#pragma once

#include <string_view>
#include <vector>

#include <tidings/messaging/streams.hpp>

#include "resp.hpp"

namespace tidings::redis {

// An entry has one field, with the message as message_codec.hpp writes it.
inline constexpr std::string_view kEntryField = "message";

Error Unexpected(const Value& value);
bool IsNoSuchKey(const Error& error);
bool IsNoGroup(const Error& error);

// [[id, [field, value]], …]. An entry without its fields, deleted while it was pending, is left out; one that is not ours
// has all its fields and values as its body.
Result<std::vector<messaging::StreamEntry>> EntriesIn(const Value& value);
// The same, as XREAD answers for one stream: nothing, or [[stream, entries]].
Result<std::vector<messaging::StreamEntry>> EntriesOfOne(const Value& value);
// XINFO STREAM.
Result<messaging::StreamStats> StatsIn(const Value& value);

}  // namespace tidings::redis
