// What operators do with the archive: docs/workers.md. An error is one line that says what is wrong.
#pragma once

#include <ostream>
#include <string>

#include <tidings/app/config.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

// Writes the lines, ordered by room and day, then as they happened; of one room and of one day where they are named. What is in no
// file yet comes too. Also while workers run.
Status CatArchive(const Config& config, const std::string& room, const std::string& day, std::ostream& out);
// Reads every file and compares it with its checksums, its index and the workers' own record. Writes each finding, and a
// summary; an error too if there are any.
Status VerifyArchive(const Config& config, std::ostream& out);

}  // namespace tidings::app
