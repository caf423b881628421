#include "schema.hpp"

#include <tidings/base/id.hpp>

namespace tidings::sqlite {

namespace {

// Released steps never change. A store's version in the header (PRAGMA user_version) is 1,000 times the number of these
// plus the number of all parts' steps, so that a newer store is recognised without opening it.
constexpr std::uint32_t kWeight = 1'000;

const SchemaPart& OwnPart() {
  static const SchemaPart part("events", {R"sql(
CREATE TABLE event_types (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE streams (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  sum INTEGER NOT NULL        -- XXH3-64 of name and key
);
-- All sums are seeded with the salt. Rows are in the order of appending; clustering by stream would cost two to three
-- times as much.
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL,
  version INTEGER NOT NULL,
  type INTEGER NOT NULL,
  at INTEGER NOT NULL,
  author INTEGER NOT NULL,
  id BLOB,                    -- null: made of time, position and the store's salt
  redacted INTEGER NOT NULL,
  digest INTEGER NOT NULL,    -- XXH3-64 of the data as appended
  sum INTEGER NOT NULL,       -- XXH3-64 of the columns before it, but redacted, with the name of the type
  body_sum INTEGER,           -- XXH3-64 of the data, once redacted
  data BLOB NOT NULL
);
CREATE UNIQUE INDEX events_by_stream ON events (stream, version);
CREATE UNIQUE INDEX events_by_id ON events (id) WHERE id IS NOT NULL;
-- Whoever deletes events, their positions are not given again.
CREATE TRIGGER events_positions AFTER DELETE ON events BEGIN
  INSERT INTO meta (key, value) VALUES ('position', old.position)
    ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value);
END;
)sql"});
  return part;
}

std::uint32_t HeaderVersion(std::span<const SchemaPart> parts) {
  std::size_t version = OwnPart().steps.size() * kWeight;
  for (const SchemaPart& part : parts) version += part.steps.size();
  return static_cast<std::uint32_t>(version);
}

std::unexpected<Error> Newer(const std::string& path, const std::string& what) {
  return Fail(ErrorCode::kInternal, path + " was written by a newer version of tidings (" + what +
                                        "); nothing was changed: start that version, or restore an older backup");
}

// The part's version in this store.
std::size_t VersionOf(Database& database, const std::string& name) {
  Statement version(database, "SELECT value FROM meta WHERE key = 'schema:' || ?");
  return static_cast<std::size_t>(version.Number(name).value_or(0));
}

Status CheckKnown(Database& database, std::span<const SchemaPart> parts) {
  Statement all(database, "SELECT substr(key, 8), value FROM meta WHERE key LIKE 'schema:%'");
  for (auto rows = all.Query(); rows.Next();) {
    const std::string_view name = rows.Text(0);
    std::size_t known = name == OwnPart().name ? OwnPart().steps.size() : 0;
    for (const SchemaPart& part : parts) {
      if (part.name == name) known = part.steps.size();
    }
    if (rows.Whole(1) > known) {
      return Newer(database.path(), "its part '" + std::string(name) + "' has version " +
                                        std::to_string(rows.Whole(1)) + ", known is " + std::to_string(known));
    }
  }
  return {};
}

void RunSteps(Database& database, const SchemaPart& part) {
  const std::size_t version = VersionOf(database, part.name);
  if (version >= part.steps.size()) return;
  for (std::size_t step = version; step < part.steps.size(); ++step) database.Execute(part.steps[step]);
  Statement(database,
            "INSERT INTO meta (key, value) VALUES ('schema:' || ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value")
      .Execute(part.name, part.steps.size());
}

void MakeMeta(Database& database) {
  database.Execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID");
  database.Execute("PRAGMA application_id=" + std::to_string(kApplicationId));
  std::array<std::uint8_t, 16> id{};
  RandomBytes(id.data(), id.size());
  Statement put(database, "INSERT INTO meta (key, value) VALUES (?, ?)");
  put.Execute("id", Blob({reinterpret_cast<const char*>(id.data()), id.size()}));
  put.Execute("salt", RandomU64() & 0xffffffff);
}

}  // namespace

Status CheckHeader(const std::string& path, const FileProbe& probe, std::span<const SchemaPart> parts) {
  if (probe.kind != FileProbe::Kind::kDatabase) return {};
  // Creation stopped between the first page and the tables.
  if (probe.application_id == 0 && probe.user_version == 0 && probe.pages <= 1) return {};
  if (probe.application_id != kApplicationId) {
    return Fail(ErrorCode::kInternal,
                path + " is a database of another program; nothing was changed: use another folder");
  }
  const std::uint32_t known = HeaderVersion(parts);
  if (probe.user_version <= known) return {};
  return Newer(path, "schema version " + std::to_string(probe.user_version) + ", known is " + std::to_string(known));
}

Status CheckCurrent(const std::string& path, const FileProbe& probe, std::span<const SchemaPart> parts) {
  const std::uint32_t known = HeaderVersion(parts);
  if (probe.kind == FileProbe::Kind::kDatabase && probe.user_version == known) return {};
  if (probe.kind != FileProbe::Kind::kDatabase || probe.user_version == 0) {
    return Fail(ErrorCode::kInternal,
                path + " is no store yet; nothing was changed: start the server once, which makes it");
  }
  return Fail(ErrorCode::kInternal, path + " was written by an older version of tidings (schema version " +
                                        std::to_string(probe.user_version) + ", this one is " + std::to_string(known) +
                                        "); nothing was changed: start the server once, which brings it up to date");
}

Result<bool> Migrate(Database& database, std::span<const SchemaPart> parts) {
  const std::uint32_t version = HeaderVersion(parts);
  const bool made = database.Number("SELECT count(*) FROM sqlite_master WHERE name = 'meta'") != 0;
  if (made) {
    if (auto known = CheckKnown(database, parts); !known) return std::unexpected(known.error());
    if (database.Number("PRAGMA user_version") == version) return false;
  } else if (database.Number("SELECT count(*) FROM sqlite_master") != 0) {
    return Fail(ErrorCode::kInternal,
                database.path() + " is a database of another program; nothing was changed: use another folder");
  }
  database.Execute("BEGIN IMMEDIATE");
  try {
    if (!made) MakeMeta(database);
    RunSteps(database, OwnPart());
    for (const SchemaPart& part : parts) RunSteps(database, part);
    database.Execute("PRAGMA user_version=" + std::to_string(version));
    database.Execute("COMMIT");
  } catch (...) {
    database.Rollback();
    throw;
  }
  return true;
}

}  // namespace tidings::sqlite
