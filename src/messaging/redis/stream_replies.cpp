#include "stream_replies.hpp"

#include <string>

#include "message_codec.hpp"

namespace tidings::redis {

using messaging::StreamEntry;
using messaging::StreamId;

Error Unexpected(const Value& value) {
  return Error(ErrorCode::kInternal, "unexpected from Redis: " + value.Describe());
}

bool IsNoSuchKey(const Error& error) { return error.message().contains("no such key"); }
bool IsNoGroup(const Error& error) {
  return error.message().contains("NOGROUP") || error.message().contains("requires the key to exist");
}

namespace {

// REQUIRES: the message is new.
void ReadMessage(const Value& fields, messaging::Message& message) {
  if (fields.size() == 2 && fields[0].text() == kEntryField && DecodeMessage(fields[1].text(), message)) return;
  std::string raw;
  for (const Value part : fields) raw.append(part.text()).append("\n");
  message = messaging::Message(std::move(raw));
}

}  // namespace

Result<std::vector<StreamEntry>> EntriesIn(const Value& value) {
  std::vector<StreamEntry> entries;
  entries.reserve(value.size());
  for (const Value entry : value) {
    if (entry.is_null()) continue;
    if (entry.size() != 2) return std::unexpected(Unexpected(entry));
    const auto id = StreamId::Parse(entry[0].text());
    if (!id) return std::unexpected(Unexpected(entry));
    if (entry[1].is_array()) ReadMessage(entry[1], entries.emplace_back(*id).message);
  }
  return entries;
}

Result<std::vector<StreamEntry>> EntriesOfOne(const Value& value) {
  if (value.is_null()) return std::vector<StreamEntry>();
  if (value.size() != 1 || value[0].size() != 2) return std::unexpected(Unexpected(value));
  return EntriesIn(value[0][1]);
}

Result<messaging::StreamStats> StatsIn(const Value& value) {
  messaging::StreamStats stats;
  for (auto part = value.begin(); part != value.end(); ++part) {
    const std::string_view name = (*part).text();
    ++part;
    const Value field = *part;
    if (name == "length") stats.length = static_cast<std::uint64_t>(field.integer());
    if (name == "last-generated-id") stats.last = StreamId::Parse(field.text()).value_or(StreamId());
    if (name == "first-entry" && field.size() == 2) stats.first = StreamId::Parse(field[0].text()).value_or(StreamId());
  }
  return stats;
}

}  // namespace tidings::redis
