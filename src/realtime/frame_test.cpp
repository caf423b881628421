#include <tidings/realtime/frame.hpp>

#include <gtest/gtest.h>

#include <string>

namespace tidings::realtime {
namespace {

std::string WireOf(std::initializer_list<int> bytes) {
  std::string text;
  for (int byte : bytes) text += static_cast<char>(byte);
  return text;
}

TEST(Frame, WritesTheShortestHeader) {
  EXPECT_EQ(Frame::Text("4hi")->wire(), WireOf({0x81, 3}) + "4hi");
  EXPECT_EQ(Frame::Binary("")->wire(), WireOf({0x82, 0}));
  for (const std::size_t size : {125u, 126u, 65'535u, 65'536u, 1'000'000u}) {
    const std::string payload(size, 'x');
    const FrameRef frame = Frame::Binary(payload);
    EXPECT_EQ(frame->payload(), payload);
    std::string header = WireOf({0x82});
    if (size < 126) {
      header += static_cast<char>(size);
    } else if (size < 65'536) {
      header += WireOf({126, static_cast<int>(size >> 8), static_cast<int>(size & 0xff)});
    } else {
      header += WireOf({127, 0, 0, 0, 0, 0, static_cast<int>(size >> 16), static_cast<int>(size >> 8 & 0xff),
                        static_cast<int>(size & 0xff)});
    }
    EXPECT_EQ(frame->wire(), header + payload);
  }
}

TEST(Frame, IsSharedByReference) {
  FrameRef empty;
  EXPECT_FALSE(empty);
  FrameRef one = Frame::Text("4a");
  FrameRef two = one;
  EXPECT_EQ(one->wire().data(), two->wire().data());
  one = FrameRef();
  EXPECT_EQ(two->payload(), "4a");
  FrameRef three = std::move(two);
  EXPECT_FALSE(two);  // NOLINT(bugprone-use-after-move): empty is the contract
  two = three;
  two = *&two;
  EXPECT_TRUE(two->binary() == false && three);
}

}  // namespace
}  // namespace tidings::realtime
