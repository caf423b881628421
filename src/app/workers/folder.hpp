// The workers' folders and small files in them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>

namespace tidings::app {

// How many lanes the worker has; in its folder from its first start on.
inline constexpr char kLanesFile[] = "lanes";

// data/workers/NAME
std::filesystem::path WorkerFolder(const std::filesystem::path& data, std::string_view worker);
// With those above it that are missing, each for its owner alone, and durable when it returns success. kInvalid: it may not be
// made there.
Status MakeFolder(const std::filesystem::path& folder);

// Nothing if it is not there. kUnavailable: it cannot be read just now, which says nothing of what is in it.
Result<std::optional<std::string>> ReadFile(const std::filesystem::path& file);
// Whole and durable, or not at all; for its owner alone. A reader sees the old one or the new one.
Status ReplaceFile(const std::filesystem::path& file, std::string_view bytes);
// Makes the file what it was up to `at`, and these bytes; durable when it returns success. Makes the file and its folders.
Status AppendAt(const std::filesystem::path& file, std::uint64_t at, std::string_view bytes);
// Makes what was made, renamed or removed in it durable.
Status SyncFolder(const std::filesystem::path& folder);
// In one folder.
Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace tidings::app
