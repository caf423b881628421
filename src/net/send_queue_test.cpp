#include "send_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace tidings::net {
namespace {

std::string Gathered(const SendQueue& queue, std::size_t parts = 256) {
  std::vector<iovec> room(parts);
  std::string out;
  for (std::size_t i = 0, used = queue.Gather(room); i < used; ++i) {
    out.append(static_cast<const char*>(room[i].iov_base), room[i].iov_len);
  }
  return out;
}

TEST(SendQueue, KeepsTheOrderOfFramesAndBytes) {
  SendQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.Push(std::string("one"));
  queue.Push(realtime::Frame::Text("4x"));
  queue.Push(SharedBytes{realtime::Frame::Binary("raw")});
  queue.Push(std::string());
  EXPECT_EQ(Gathered(queue),
            "one\x81\x02"
            "4xraw");
  EXPECT_EQ(queue.bytes(), 10u);
  queue.Consume(4);
  EXPECT_EQ(Gathered(queue),
            "\x02"
            "4xraw");
  EXPECT_EQ(Gathered(queue, 1),
            "\x02"
            "4x");
  queue.Consume(6);
  EXPECT_TRUE(queue.empty());
}

TEST(SendQueue, IsAStreamOfBytes) {
  std::mt19937_64 random(7);
  SendQueue queue;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      std::string bytes(random() % 50, static_cast<char>('a' + step % 26));
      model += bytes;
      queue.Push(std::move(bytes));
    } else {
      const std::size_t count = random() % (std::min<std::size_t>(model.size(), 60) + 1);
      queue.Consume(count);
      model.erase(0, count);
    }
    ASSERT_EQ(queue.bytes(), model.size());
    ASSERT_EQ(Gathered(queue, 4096), model);
    if (random() % 500 == 0) {
      queue.Clear();
      model.clear();
    }
  }
}

}  // namespace
}  // namespace tidings::net
