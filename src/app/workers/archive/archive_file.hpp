// The format of an archive file, DATA/workers/archive/rooms/ROOM/DAY.jsonl.zst: what happened to the messages of one room on
// one day (UTC), as JSON Lines in zstd frames. `zstd -dc` and whatever reads zstd prints it.
//
//   file  := block*
//   block := index data        both are zstd frames (RFC 8878)
//   index := skippable frame (magic 0x184D2A50) of the JSON {"first","last","lines","bytes","packed","after","sha256"}: lowest and
//            highest seq, number of lines, bytes of the lines, bytes of the data frame, `last` of the block before (0: none),
//            SHA-256 of the lines in hexadecimal
//   data  := a zstd frame with content size and checksum: the lines, each with its line end
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>

namespace tidings::app {

class ArchiveBlock {
 public:
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t lines = 0;
  std::uint64_t after = 0;
  std::string text;    // the lines
  std::size_t at = 0;  // of the block in its file
  std::size_t size = 0;
};

// REQUIRES: `text` is `lines` lines with their ends.
std::string PackBlock(const ArchiveBlock& block);
// All blocks of a file's bytes, each checked. kMalformed names the place of the first that is damaged or cut off.
Result<std::vector<ArchiveBlock>> UnpackBlocks(std::string_view bytes);

std::filesystem::path ArchiveFile(const std::filesystem::path& data, std::string_view room, std::string_view day);
// Whether a text is a day, 2026-11-26.
bool IsDay(std::string_view text);

}  // namespace tidings::app
