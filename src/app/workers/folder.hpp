// The workers' folders and small files in them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::app {

// data/workers/NAME
std::filesystem::path WorkerFolder(const std::filesystem::path& data, std::string_view worker);
// For its owner alone; those above it too.
Status MakeFolder(const std::filesystem::path& folder);

// Nothing if it is not there or cannot be read.
std::optional<std::string> ReadFile(const std::filesystem::path& file);
// Whole and durable, or not at all; for its owner alone. A reader sees the old one or the new one.
Status ReplaceFile(const std::filesystem::path& file, std::string_view bytes);
// Makes the file what it was up to `at`, and these bytes; durable when it returns success. Makes the file and its folders.
Status AppendAt(const std::filesystem::path& file, std::uint64_t at, std::string_view bytes);
// In one folder.
Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace tidings::app
