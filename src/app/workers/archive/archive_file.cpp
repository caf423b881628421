#include "archive/archive_file.hpp"

#include <zstd.h>

#include <algorithm>
#include <limits>

#include <tidings/base/bytes.hpp>
#include <tidings/base/digest.hpp>
#include <tidings/base/json.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

constexpr std::uint32_t kIndexMagic = 0x184D2A50;
constexpr std::size_t kHead = 8;
constexpr std::size_t kMostIndex = 4'096;
constexpr std::size_t kMostText = 256 * 1024 * 1024;
constexpr int kLevel = 6;

void AppendU32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint32_t ReadU32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

std::string Compress(std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  const std::size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size());
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();
  packed.resize(size);
  return packed;
}

std::unexpected<Error> Damaged(std::size_t at, std::string_view what) {
  return Fail(ErrorCode::kMalformed, std::string(what) + " at byte " + std::to_string(at));
}

Result<ArchiveBlock> UnpackBlock(std::string_view bytes, std::size_t at) {
  std::string_view rest = bytes.substr(at);
  if (rest.size() < kHead) return Damaged(at, "a block is cut off");
  const std::size_t index_size = ReadU32(rest.substr(4));
  if (ReadU32(rest) != kIndexMagic || index_size > kMostIndex) return Damaged(at, "no block begins");
  if (rest.size() < kHead + index_size) return Damaged(at, "a block is cut off");
  const auto index = json::Parse(rest.substr(kHead, index_size));
  if (!index || !index->is_object()) return Damaged(at, "a block's index is damaged");
  const json::object& object = index->get_object();
  const auto whole = [&](std::string_view key) {
    const auto value = json::OptionalWhole(object, key);
    return value && *value ? **value : std::numeric_limits<std::uint64_t>::max();
  };
  rest.remove_prefix(kHead + index_size);
  const std::uint64_t packed = whole("packed");
  const std::uint64_t size = whole("bytes");
  if (size > kMostText) return Damaged(at, "a block's index is damaged");
  if (packed > rest.size()) return Damaged(at, "a block is cut off");
  ArchiveBlock block;
  block.first = whole("first");
  block.last = whole("last");
  block.lines = whole("lines");
  block.after = whole("after");
  block.at = at;
  block.size = kHead + index_size + packed;
  block.text.resize(size);
  const std::size_t unpacked = ZSTD_decompress(block.text.data(), size, rest.data(), packed);
  if (ZSTD_isError(unpacked) != 0 || unpacked != size) return Damaged(at, "a block's data is damaged");
  const auto sum = json::OptionalText(object, "sha256");
  if (!sum || !*sum || **sum != HexEncode(Sha256(block.text))) return Damaged(at, "a block's checksum does not fit");
  if (static_cast<std::uint64_t>(std::ranges::count(block.text, '\n')) != block.lines) {
    return Damaged(at, "a block has another number of lines than its index says");
  }
  return block;
}

}  // namespace

std::string PackBlock(const ArchiveBlock& block) {
  const std::string packed = Compress(block.text);
  std::string index;
  json::ObjectWriter writer(index);
  writer.Number("first", block.first).Number("last", block.last).Number("lines", block.lines);
  writer.Number("bytes", block.text.size()).Number("packed", packed.size()).Number("after", block.after);
  writer.Text("sha256", HexEncode(Sha256(block.text))).End();
  std::string bytes;
  bytes.reserve(kHead + index.size() + packed.size());
  AppendU32(bytes, kIndexMagic);
  AppendU32(bytes, static_cast<std::uint32_t>(index.size()));
  return bytes.append(index).append(packed);
}

Result<std::vector<ArchiveBlock>> UnpackBlocks(std::string_view bytes) {
  std::vector<ArchiveBlock> blocks;
  std::uint64_t after = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    auto block = UnpackBlock(bytes, at);
    if (!block) return std::unexpected(block.error());
    if (block->after != after) return Damaged(at, "a block is missing before the one");
    at += block->size;
    after = block->last;
    blocks.push_back(std::move(*block));
  }
  return blocks;
}

std::filesystem::path ArchiveFile(const std::filesystem::path& data, std::string_view room, std::string_view day) {
  return WorkerFolder(data, "archive") / "rooms" / room / (std::string(day) + ".jsonl.zst");
}

bool IsDay(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  return text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char c, char form) {
           return form == 'd' ? c >= '0' && c <= '9' : c == form;
         });
}

}  // namespace tidings::app
