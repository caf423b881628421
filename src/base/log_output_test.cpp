#include "log_output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

namespace tidings::log {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = 30s;

class LogOutputTest : public testing::Test {
 protected:
  LogOutputTest() {
    EXPECT_EQ(pipe(ends_), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~LogOutputTest() override {
    CloseReader();
    close(ends_[1]);
    std::signal(SIGPIPE, SIG_DFL);
  }
  void CloseReader() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  int to() const { return ends_[1]; }
  // Reads until that many lines have come or more, or for long.
  std::vector<std::string> Read(std::size_t least) {
    std::vector<std::string> lines;
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (lines.size() < least) {
      char bytes[4'096];
      const ssize_t got = read(ends_[0], bytes, sizeof bytes);
      if (got < 0 && errno == EAGAIN && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
        continue;
      }
      if (got <= 0) break;
      for (const char c : std::string_view(bytes, static_cast<std::size_t>(got))) {
        if (c != '\n') {
          part_ += c;
        } else {
          lines.push_back(std::exchange(part_, {}));
        }
      }
    }
    return lines;
  }

 private:
  int ends_[2] = {-1, -1};
  std::string part_;  // of a line that has not come as a whole
};

std::string Line(int number) { return std::to_string(number) + " " + std::string(100, '.') + "\n"; }

TEST_F(LogOutputTest, WithoutAThreadALineIsWrittenAtOnce) {
  LogOutput output(to(), 1'000);
  output.Write("one\n");
  EXPECT_EQ(Read(1), std::vector<std::string>{"one"});
}

TEST_F(LogOutputTest, AReaderThatStandsStillStopsNobodyAndLearnsWhatItMissed) {
  constexpr int kLines = 3'000;
  LogOutput output(to(), 50'000);
  output.Start();
  for (int i = 0; i < kLines; ++i) output.Write(Line(i));
  const std::uint64_t dropped = output.dropped();
  EXPECT_GT(dropped, 1'000U);
  EXPECT_LT(dropped, 3'000U);
  EXPECT_FALSE(output.WriteLast("the end\n", 10ms));
  EXPECT_FALSE(output.Stop(10ms));

  // Each gap is told of where it ends, or later.
  constexpr std::string_view kTold = R"("event":"log_lines_dropped","lines":)";
  std::uint64_t told = 0;
  std::vector<std::string> kept;
  while (told < dropped) {
    const auto lines = Read(1);
    ASSERT_FALSE(lines.empty());
    for (const std::string& line : lines) {
      const auto at = line.find(kTold);
      if (at == std::string::npos) {
        kept.push_back(line);
      } else {
        told += std::stoull(line.substr(at + kTold.size()));
      }
    }
  }
  EXPECT_EQ(told, dropped);
  ASSERT_EQ(kept.size(), kLines - dropped + 1);
  EXPECT_EQ(kept.back(), "the end");
  kept.pop_back();
  int before = -1;
  for (const std::string& line : kept) {
    const int number = std::stoi(line);
    EXPECT_GT(number, before);
    ASSERT_EQ(line + "\n", Line(number));
    before = number;
  }
  EXPECT_TRUE(output.Stop(kLong));
  output.Write("after it\n");
  EXPECT_EQ(Read(1), std::vector<std::string>{"after it"});
}

TEST_F(LogOutputTest, AStopWritesWhatWaits) {
  LogOutput output(to(), 50'000);
  output.Start();
  for (int i = 0; i < 300; ++i) output.Write(Line(i));
  ASSERT_TRUE(output.Stop(kLong));
  EXPECT_EQ(Read(300).size(), 300U);
  EXPECT_EQ(output.dropped(), 0U);
}

TEST_F(LogOutputTest, LastWordsComeOutBehindAllThatWaits) {
  LogOutput output(to(), 50'000);
  output.Start();
  for (int i = 0; i < 300; ++i) output.Write(Line(i));
  EXPECT_TRUE(output.WriteLast("the end\n", kLong));
  EXPECT_EQ(Read(301).back(), "the end");
  EXPECT_TRUE(output.Stop(kLong));
}

TEST_F(LogOutputTest, WhatNobodyTakesIsCounted) {
  LogOutput output(to(), 50'000);
  output.Start();
  CloseReader();
  output.Write("one\n");
  output.Write("two\n");
  ASSERT_TRUE(output.Stop(kLong));
  EXPECT_EQ(output.dropped(), 2U);
}

TEST_F(LogOutputTest, ADescriptorThatDoesNotBlockIsWaitedFor) {
  fcntl(to(), F_SETFL, O_NONBLOCK);
  LogOutput output(to(), 1'000'000);
  output.Start();
  for (int i = 0; i < 2'000; ++i) output.Write(Line(i));
  EXPECT_EQ(Read(2'000).size(), 2'000U);
  ASSERT_TRUE(output.Stop(kLong));
  EXPECT_EQ(output.dropped(), 0U);
}

}  // namespace
}  // namespace tidings::log
