#include "parked_readers.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include <memory>

namespace tidings::messaging::rabbitmq {
namespace {

using namespace std::chrono_literals;

class ParkedReadersTest : public ::testing::Test {
 protected:
  std::shared_ptr<StreamReader> Reader() {
    return std::make_shared<StreamReader>(context_.get_executor(), timers_, "stream", 16);
  }

  boost::asio::io_context context_;
  VirtualTimers timers_;
  ParkedReaders parked_{timers_};
};

TEST_F(ParkedReadersTest, KeepsEachForAWhile) {
  const std::weak_ptr first = [&] {
    auto reader = Reader();
    parked_.Park(reader);
    return reader;
  }();
  timers_.Advance(ParkedReaders::kFor / 2);
  parked_.Park(Reader());
  timers_.Advance(ParkedReaders::kFor / 2 - 1ms);
  EXPECT_EQ(parked_.size(), 2U);
  timers_.Advance(1ms);
  EXPECT_EQ(parked_.size(), 1U);
  EXPECT_TRUE(first.expired());
  timers_.Advance(ParkedReaders::kFor / 2);
  EXPECT_EQ(parked_.size(), 0U);
  EXPECT_FALSE(timers_.Next()) << "an alarm that keeps a process awake";
  parked_.Park(Reader());
  timers_.Advance(ParkedReaders::kFor);
  EXPECT_EQ(parked_.size(), 0U);
}

TEST_F(ParkedReadersTest, KeepsTheNewestOfMany) {
  const auto oldest = Reader();
  parked_.Park(oldest);
  for (std::size_t i = 0; i < ParkedReaders::kMost; ++i) parked_.Park(Reader());
  EXPECT_EQ(parked_.size(), ParkedReaders::kMost);
  EXPECT_EQ(oldest.use_count(), 1);
  parked_.Clear();
  EXPECT_EQ(parked_.size(), 0U);
  EXPECT_FALSE(timers_.Next());
}

TEST_F(ParkedReadersTest, HandsOutNoneThatIsDeadAndEmpty) {
  parked_.Park(Reader());
  EXPECT_EQ(parked_.Take("stream", 0), nullptr);
}

}  // namespace
}  // namespace tidings::messaging::rabbitmq
