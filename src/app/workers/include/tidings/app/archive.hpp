// What operators do with the archive: docs/workers.md. An error is one line that says what is wrong.
#pragma once

#include <ostream>
#include <string>

#include <tidings/app/config.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

// Both: kNotFound if there is no archive in config.data.

// Writes the lines, ordered by room and day, then as they happened; of one room and of one day where they are named, and kNotFound
// if there is none of them. What is in no file yet comes too. A file that cannot be read is told on `err`, holds up no other, and
// makes an error at the end. Also while workers run.
Status CatArchive(const Config& config, const std::string& room, const std::string& day, std::ostream& out,
                  std::ostream& err);
// Reads every file and compares it with its checksums, its index and the workers' own record, and looks for numbers that never
// came. Writes each finding, and a summary; an error too if there are any.
Status VerifyArchive(const Config& config, std::ostream& out);

}  // namespace tidings::app
