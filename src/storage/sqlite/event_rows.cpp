#include <tidings/storage/sqlite/event_rows.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "event_sums.hpp"

namespace tidings::sqlite {

namespace {

constexpr std::string_view kColumns =
    "SELECT position, stream, version, type, at, author, id, redacted, digest, sum, body_sum, data FROM events ";

std::string Select(std::string_view rest) { return std::string(kColumns) + std::string(rest); }

// SQLite's numbers are signed.
constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

}  // namespace

void ThrowBadRow(const std::string& what) {
  throw SqliteFailure(SqliteFailure::kBadRowCode, what + "; it is not served: run verify, and restore a backup");
}

const TypeNames::Type* TypeNames::Find(std::uint64_t number) {
  const auto known = [&] { return number < types_.size() && !types_[number].name.empty(); };
  if (!known()) {
    types_.clear();
    for (auto rows = load_.Query(); rows.Next();) {
      const std::uint64_t found = rows.Whole(0);
      if (found > 1'000'000) continue;
      if (found >= types_.size()) types_.resize(found + 1);
      types_[found].name = rows.Text(1);
      types_[found].digest = DigestOf(types_[found].name);
    }
  }
  return known() ? &types_[number] : nullptr;
}

EventRows::EventRows(Database& database)
    : salt_(static_cast<std::uint32_t>(database.Number("SELECT value FROM meta WHERE key = 'salt'"))),
      types_(database),
      stream_(database, "SELECT key, sum FROM streams WHERE name = ?"),
      stream_head_(database, "SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1"),
      head_(database, "SELECT position FROM events ORDER BY position DESC LIMIT 1"),
      one_(database, Select("WHERE stream = ? AND version = ?")),
      at_(database, Select("WHERE position = ?")),
      by_stream_(database, Select("WHERE stream = ? AND version >= ? ORDER BY version LIMIT ?")),
      all_(database, Select("WHERE position > ? ORDER BY position LIMIT ?")),
      imported_(database, "SELECT 1 FROM events WHERE id = ?") {}

std::optional<eventing::StreamKey> EventRows::FindStream(std::string_view stream) {
  auto rows = stream_.Query(stream);
  if (!rows.Next()) return std::nullopt;
  const eventing::StreamKey key = rows.Whole(0);
  if (StreamSum(stream, key, salt_) != rows.Whole(1)) {
    ThrowBadRow("the name of stream " + std::to_string(key) + " is damaged");
  }
  return key;
}

eventing::Version EventRows::StreamHead(eventing::StreamKey stream) {
  return static_cast<eventing::Version>(stream_head_.Number(stream).value_or(0));
}

eventing::Position EventRows::Head() { return static_cast<eventing::Position>(head_.Number().value_or(0)); }

std::optional<eventing::StoredEvent> EventRows::Read(eventing::StreamKey stream, eventing::Version version) {
  if (version > kMost) return std::nullopt;
  auto rows = one_.Query(stream, version);
  if (!rows.Next()) return std::nullopt;
  auto event = TakeOrThrow(rows);
  if (event.stream != stream || event.version != version) ThrowBadRow("the index of streams is damaged");
  return event;
}

std::optional<eventing::StoredEvent> EventRows::ReadAt(eventing::Position position) {
  if (position > kMost) return std::nullopt;
  auto rows = at_.Query(position);
  if (!rows.Next()) return std::nullopt;
  return TakeOrThrow(rows);
}

std::vector<eventing::StoredEvent> EventRows::ReadStream(eventing::StreamKey stream, eventing::Version from,
                                                         std::size_t limit, std::size_t bytes) {
  std::vector<eventing::StoredEvent> events;
  std::size_t sum = 0;
  eventing::Version next = std::max<eventing::Version>(from, 1);
  if (next > kMost) return events;
  for (auto rows = by_stream_.Query(stream, next, std::min(limit, kMost)); rows.Next(); ++next) {
    events.push_back(TakeOrThrow(rows));
    if (events.back().stream != stream || events.back().version != next) {
      ThrowBadRow("version " + std::to_string(next) + " of stream " + std::to_string(stream) + " is missing");
    }
    sum += events.back().data.size();
    if (sum >= bytes) break;
  }
  return events;
}

std::vector<eventing::StoredEvent> EventRows::ReadAll(eventing::Position after, std::size_t limit) {
  std::vector<eventing::StoredEvent> events;
  if (after > kMost) return events;
  for (auto rows = all_.Query(after, std::min(limit, kMost)); rows.Next();) events.push_back(TakeOrThrow(rows));
  return events;
}

bool EventRows::HasImported(const Uuid& id) {
  return imported_.Number(Blob({reinterpret_cast<const char*>(id.bytes().data()), 16})).has_value();
}

std::optional<std::string> EventRows::Take(const Rows& rows, eventing::StoredEvent& event) {
  EventHeader header;
  header.position = event.position = rows.Whole(0);
  header.stream = event.stream = rows.Whole(1);
  header.version = event.version = rows.Whole(2);
  const TypeNames::Type* type = types_.Find(rows.Whole(3));
  header.at = event.at = rows.Int(4);
  header.author = event.author = rows.Whole(5);
  event.redacted = rows.Int(7) != 0;
  header.digest = rows.Whole(8);
  const auto wrong = [&](const std::string& what) {
    return "the event at position " + std::to_string(header.position) + " is damaged (" + what + ")";
  };
  if (const std::string_view id = rows.Blob(6); id.size() == 16) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), id.data(), bytes.size());
    event.id = *(header.id = Uuid(bytes));
  } else if (!id.empty() || !rows.Null(6)) {
    return wrong("its id has no 16 bytes");
  } else {
    event.id = Uuid::AtPlace(header.at, header.position, salt_);
  }
  if (type == nullptr) return wrong("its type " + std::to_string(rows.Whole(3)) + " is not known");
  header.type = type->digest;
  event.type = type->name;
  if (header.Sum(salt_) != rows.Whole(9)) return wrong("its checksum does not fit");
  const std::string_view data = rows.Blob(11);
  if (DigestOf(data) != (event.redacted ? rows.Whole(10) : header.digest)) {
    return wrong("the checksum of its data does not fit");
  }
  event.data = data;
  return std::nullopt;
}

eventing::StoredEvent EventRows::TakeOrThrow(const Rows& rows) {
  eventing::StoredEvent event;
  if (const auto wrong = Take(rows, event)) ThrowBadRow(*wrong);
  return event;
}

}  // namespace tidings::sqlite
