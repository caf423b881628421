// The file's tables; docs/messaging-sqlite.md describes them.
#pragma once

#include <tidings/base/error.hpp>
#include <tidings/base/sqlite/database.hpp>

namespace tidings::messaging::embedded {

// "TIDQ", in the file's header.
inline constexpr std::int64_t kApplicationId = 0x54494451;
inline constexpr std::int64_t kSchemaVersion = 2;

// Makes the tables where they are missing, and of an older version's what they are now. Refuses a file of another program or of a newer version, unchanged. Throws
// SqliteFailure. REQUIRES: nobody else writes meanwhile.
Status MakeSchema(sqlite::Database& database);

}  // namespace tidings::messaging::embedded
