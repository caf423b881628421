#include "transaction.hpp"

#include <algorithm>

#include <tidings/eventing/limits.hpp>

namespace tidings::sqlite {

using eventing::Appended;
using eventing::Expected;
using eventing::NewEvent;
using eventing::Position;
using eventing::StoredEvent;
using eventing::StreamKey;
using eventing::Version;

namespace {

// Uuid::AtPlace holds no more.
constexpr Position kMostPosition = (Position{1} << 48) - 1;

std::string_view BytesOf(const Uuid& id) { return {reinterpret_cast<const char*>(id.bytes().data()), 16}; }

}  // namespace

WriterTransaction::WriterTransaction(Database& database, const Clock& clock)
    : database_(database),
      clock_(clock),
      rows_(database),
      salt_(rows_.salt()),
      insert_(database, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      insert_stream_(database, "INSERT INTO streams (key, name, sum) VALUES (?, ?, ?)"),
      insert_type_(database, "INSERT INTO event_types (number, name) VALUES (?, ?)"),
      redact_(database, "UPDATE events SET redacted = 1, body_sum = ?, data = ? WHERE stream = ? AND version = ?") {
  RolledBack();
  head_ = committed_head_ = rows_.Head();
  deleted_ = static_cast<Position>(database.Number("SELECT value FROM meta WHERE key = 'position'"));
  next_ = std::max(head_, deleted_) + 1;
  now_ = database.Number("SELECT at FROM events ORDER BY position DESC LIMIT 1");
}

void WriterTransaction::Begin() { now_ = std::max(now_, clock_.Now()); }

void WriterTransaction::Committed() { committed_head_ = head_; }

void WriterTransaction::RolledBack() {
  // Positions rise on: what a dropped commit had given out is not given again.
  head_ = committed_head_;
  cache_.keys.Clear();
  cache_.heads.Clear();
  types_.clear();
  Statement types(database_, "SELECT name, number FROM event_types");
  last_type_ = 0;
  for (auto rows = types.Query(); rows.Next();) {
    Type type;
    type.number = rows.Whole(1);
    type.digest = DigestOf(rows.Text(0));
    types_.emplace(rows.Text(0), type);
    last_type_ = std::max(last_type_, type.number);
  }
  last_stream_ = static_cast<StreamKey>(database_.Number("SELECT max(key) FROM streams"));
}

Result<Appended> WriterTransaction::Append(std::string_view stream, Expected expected,
                                           std::span<const NewEvent> events) {
  if (auto valid = eventing::CheckAppend(stream, events); !valid) return std::unexpected(valid.error());
  auto place = Find(stream, expected);
  if (!place) return std::unexpected(place.error());
  if (place->key == 0) MakeStream(stream, *place);
  EventHeader header;
  header.at = now_;
  for (const NewEvent& event : events) {
    header.digest = DigestOf(event.data);
    header.position = next_;
    Put(*place, event, header, false);
  }
  Appended appended;
  appended.stream = place->key;
  appended.last = *place->head;
  appended.position = head_;
  return appended;
}

Result<Appended> WriterTransaction::Import(std::string_view stream, Expected expected,
                                           const eventing::ImportedEvent& imported) {
  if (auto valid = eventing::CheckAppend(stream, {&imported.event, 1}); !valid) return std::unexpected(valid.error());
  if (imported.at < 0 || imported.position > kMostPosition) {
    return Fail(ErrorCode::kInvalid, "an imported event's time and position must be in their bounds");
  }
  // A position that a dropped commit had taken may be asked for again.
  if (imported.position && *imported.position <= std::max(head_, deleted_)) {
    return Fail(ErrorCode::kConflict, "position " + std::to_string(*imported.position) + " is not above the head");
  }
  // Above the head there is nothing to look for.
  const Position place_of_id = imported.id.Place();
  const auto same = place_of_id > head_ ? std::nullopt : rows_.ReadAt(place_of_id);
  if (rows_.HasImported(imported.id) || (same && same->id == imported.id)) {
    return Fail(ErrorCode::kConflict, "an event with the id " + imported.id.Text() + " is there already");
  }
  auto place = Find(stream, expected);
  if (!place) return std::unexpected(place.error());
  if (place->key == 0) MakeStream(stream, *place);
  EventHeader header;
  header.at = imported.at;
  header.digest = DigestOf(imported.event.data);
  header.position = imported.position.value_or(next_);
  if (imported.id != Uuid::AtPlace(header.at, header.position, salt_)) header.id = imported.id;
  now_ = std::max(now_, imported.at);
  Put(*place, imported.event, header, imported.redacted);
  Appended appended;
  appended.stream = place->key;
  appended.last = *place->head;
  appended.position = head_;
  return appended;
}

Result<WriterTransaction::Place> WriterTransaction::Find(std::string_view stream, Expected expected) {
  Place place;
  if (const auto key = FindStream(stream)) {
    place.key = *key;
    place.head = HeadOf(*key);
  }
  const Version head = place.head == nullptr ? 0 : *place.head;
  if (expected.Allows(head)) return place;
  return Fail(ErrorCode::kConflict, "the stream is at version " + std::to_string(head));
}

void WriterTransaction::MakeStream(std::string_view stream, Place& place) {
  insert_stream_.Execute(last_stream_ + 1, stream, StreamSum(stream, last_stream_ + 1, salt_));
  place.key = ++last_stream_;
  cache_.keys.Put(std::string(stream), place.key);
  place.head = cache_.heads.Put(place.key, 0);
}

const WriterTransaction::Type& WriterTransaction::FindType(const std::string& name) {
  if (const auto found = types_.find(name); found != types_.end()) return found->second;
  insert_type_.Execute(last_type_ + 1, name);
  Type type;
  type.number = ++last_type_;
  type.digest = DigestOf(name);
  return types_.emplace(name, type).first->second;
}

void WriterTransaction::Put(Place& place, const NewEvent& event, EventHeader& header, bool redacted) {
  header.stream = place.key;
  header.version = *place.head + 1;
  const Type& type = FindType(event.type);
  header.type = type.digest;
  header.author = event.author;
  std::optional<Blob> id;
  if (header.id) id.emplace(BytesOf(*header.id));
  std::optional<std::uint64_t> body_sum;
  if (redacted) body_sum = header.digest;
  insert_.Execute(header.position, header.stream, header.version, type.number, header.at, header.author, id, redacted,
                  header.digest, header.Sum(salt_), body_sum, Blob(event.data));
  *place.head = header.version;
  head_ = header.position;
  next_ = std::max(next_, header.position + 1);
  ++appended_;
}

std::optional<StreamKey> WriterTransaction::FindStream(std::string_view stream) {
  if (const auto* key = cache_.keys.Find(stream)) return *key;
  const auto key = rows_.FindStream(stream);
  if (key) cache_.keys.Put(std::string(stream), *key);
  return key;
}

Version* WriterTransaction::HeadOf(StreamKey stream) {
  if (auto* head = cache_.heads.Find(stream)) return head;
  return cache_.heads.Put(stream, rows_.StreamHead(stream));
}

Version WriterTransaction::StreamHead(StreamKey stream) { return *HeadOf(stream); }

std::optional<StoredEvent> WriterTransaction::Read(StreamKey stream, Version version) {
  return rows_.Read(stream, version);
}

std::optional<StoredEvent> WriterTransaction::ReadAt(Position position) { return rows_.ReadAt(position); }

void WriterTransaction::Redact(StreamKey stream, Version version, std::string_view data) {
  if (redact_.Execute(DigestOf(data), Blob(data), stream, version) == 1) {
    redacted_ = true;
    return;
  }
  ThrowBadRow("version " + std::to_string(version) + " of stream " + std::to_string(stream) +
              ", which is to be redacted, is missing");
}

}  // namespace tidings::sqlite
