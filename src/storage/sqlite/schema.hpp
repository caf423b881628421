// The store's tables and how they came to be.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

#include "file_probe.hpp"

namespace tidings::sqlite {

// "TIDI", in the file's header.
inline constexpr std::uint32_t kApplicationId = 0x54494449;

// Refuses a file of another program or of a newer version, by its header alone.
Status CheckHeader(const std::string& path, const FileProbe& probe, std::span<const SchemaPart> parts);

// Refuses what Migrate would change, by the header alone: a file of an older version, or one that is no store yet.
Status CheckCurrent(const std::string& path, const FileProbe& probe, std::span<const SchemaPart> parts);

// Runs the steps that are missing, all in one commit. Refuses a part that is newer than known. Throws SqliteFailure.
// True if anything was run.
Result<bool> Migrate(Database& database, std::span<const SchemaPart> parts);

}  // namespace tidings::sqlite
