#include "gathered_reads.hpp"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "../testing/task_runner.hpp"
#include "load.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using std::chrono::microseconds;

// Two ends of a connection, and what was read at the one.
class GatheredReadsTest : public ::testing::Test {
 protected:
  GatheredReadsTest() {
    tcp::acceptor acceptor(runner_.context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    theirs_.connect(acceptor.local_endpoint());
    acceptor.accept(ours_);
    theirs_.set_option(tcp::no_delay(true));
  }

  void Send(std::string_view bytes) { asio::write(theirs_, asio::buffer(bytes.data(), bytes.size())); }
  void Read(microseconds pause) {
    read_.reset();
    error_.clear();
    began_ = std::chrono::steady_clock::now();
    reads_.Read(bytes_.data(), bytes_.size(), pause, [this](const boost::system::error_code& error, std::size_t count) {
      error_ = error;
      read_ = std::string(bytes_.data(), count);
      took_ = std::chrono::steady_clock::now() - began_;
    });
  }
  bool Done() {
    return runner_.Until([this] { return read_.has_value(); });
  }

  testing::TaskRunner runner_;
  tcp::socket ours_{runner_.context()};
  tcp::socket theirs_{runner_.context()};
  GatheredReads reads_{ours_};
  std::array<char, 1024> bytes_{};
  std::optional<std::string> read_;
  boost::system::error_code error_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::duration took_{};
};

TEST_F(GatheredReadsTest, WithoutAPauseWhatComesIsReadAtOnce) {
  Read(0us);
  Send("one");
  ASSERT_TRUE(Done());
  EXPECT_EQ(read_, "one");
}

TEST_F(GatheredReadsTest, WhatComesInAPauseIsReadTogetherAtItsEnd) {
  Read(100ms);
  Send("one ");
  runner_.Poll();
  Send("two");
  ASSERT_TRUE(Done());
  EXPECT_EQ(read_, "one two");
  EXPECT_GE(took_, 100ms);
}

TEST_F(GatheredReadsTest, AProcessIsNotWokenInAPause) {
  Read(300ms);
  // What the reactor knew before.
  runner_.Poll();
  Send("one");
  std::size_t woken = 0;
  while (!read_) woken += runner_.context().run_one_for(30s);
  EXPECT_EQ(read_, "one");
  EXPECT_EQ(woken, 1U);
}

TEST_F(GatheredReadsTest, AfterAPauseWithoutAnythingTheNextIsReadAsItComes) {
  Read(1ms);
  runner_.RunFor(20ms);
  EXPECT_FALSE(read_);
  Send("late");
  ASSERT_TRUE(Done());
  EXPECT_EQ(read_, "late");
}

TEST_F(GatheredReadsTest, WhatCameUnnoticedIsReadWithoutAPauseToo) {
  Read(1ms);
  Send("one");
  ASSERT_TRUE(Done());
  // The process is still not woken for this, until somebody reads.
  Send("two");
  runner_.Poll();
  Read(0us);
  ASSERT_TRUE(Done());
  EXPECT_EQ(read_, "two");
  Read(0us);
  Send("three");
  ASSERT_TRUE(Done());
  EXPECT_EQ(read_, "three");
}

TEST_F(GatheredReadsTest, TheEndOfTheConnectionIsToldAfterAPause) {
  Read(1ms);
  theirs_.close();
  ASSERT_TRUE(Done());
  EXPECT_EQ(error_, asio::error::eof);
}

TEST_F(GatheredReadsTest, CloseEndsAPause) {
  Read(microseconds(1h));
  runner_.Poll();
  ours_.close();
  reads_.Close();
  ASSERT_TRUE(Done());
  EXPECT_EQ(error_, asio::error::operation_aborted);
}

TEST_F(GatheredReadsTest, CloseEndsAReadWithoutAPause) {
  Read(0us);
  runner_.Poll();
  ours_.close();
  reads_.Close();
  ASSERT_TRUE(Done());
  EXPECT_TRUE(error_);
}

TEST(PauseFor, FewDoNotWaitAndManyAreBounded) {
  EXPECT_EQ(PauseFor(0, 2ms), 0us);
  EXPECT_EQ(PauseFor(63, 2ms), 0us);
  EXPECT_EQ(PauseFor(64, 2ms), 128us);
  EXPECT_EQ(PauseFor(1'000'000, 2ms), 2ms);
  EXPECT_EQ(PauseFor(1'000, 0us), 0us);
}

TEST(Load, IsWhatAllSharesHold) {
  const auto load = std::make_shared<Load>(10ms);
  Load::Share one(load);
  {
    Load::Share other(load);
    one.Add();
    other.Set(99);
    EXPECT_EQ(load->Pause(), 200us);
    one.Remove();
    EXPECT_EQ(load->Pause(), 198us);
    EXPECT_EQ(other.count(), 99U);
  }
  EXPECT_EQ(load->Pause(), 0us);
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
