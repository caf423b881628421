#include "archive/archive_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tidings::app {
namespace {

std::string Block(std::uint64_t first, std::uint64_t last, std::uint64_t after, std::string text) {
  ArchiveBlock block;
  block.first = first;
  block.last = last;
  block.after = after;
  block.lines = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  block.text = std::move(text);
  return PackBlock(block);
}

TEST(ArchiveFile, BlocksComeBackAsTheyWere) {
  const std::string bytes = Block(1, 3, 0, "a\nb\n") + Block(4, 4, 3, std::string(100'000, 'x') + "\n");
  const auto blocks = UnpackBlocks(bytes);
  ASSERT_TRUE(blocks) << blocks.error().message();
  ASSERT_EQ(blocks->size(), 2U);
  EXPECT_EQ((*blocks)[0].text, "a\nb\n");
  EXPECT_EQ((*blocks)[0].lines, 2U);
  EXPECT_EQ((*blocks)[1].first, 4U);
  EXPECT_EQ((*blocks)[0].size + (*blocks)[1].size, bytes.size());
  EXPECT_LT(bytes.size(), 1'000U);
  EXPECT_TRUE(UnpackBlocks(""));
}

TEST(ArchiveFile, FindsEveryChangedByteAndEveryCut) {
  const std::string bytes = Block(1, 2, 0, "{\"seq\":1}\n{\"seq\":2}\n") + Block(3, 3, 2, "{\"seq\":3}\n");
  const std::size_t second = Block(1, 2, 0, "{\"seq\":1}\n{\"seq\":2}\n").size();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    const auto blocks = UnpackBlocks(changed);
    // A digit of the index may change unseen only where it still fits.
    if (blocks) EXPECT_EQ((*blocks)[0].text + (*blocks)[1].text, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n") << i;
    if (i != 0 && i != second) EXPECT_FALSE(UnpackBlocks(std::string_view(bytes).substr(0, i))) << i;
  }
  EXPECT_FALSE(UnpackBlocks(bytes.substr(second))) << "the block before is missing";
}

TEST(ArchiveFile, DaysAreSafeNames) {
  EXPECT_TRUE(IsDay("2026-11-26"));
  EXPECT_FALSE(IsDay("2026-11-2x"));
  EXPECT_FALSE(IsDay("../../../x"));
}

}  // namespace
}  // namespace tidings::app
