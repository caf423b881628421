#include "testing/streams_suite.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(StreamsSuite, IsThereWhereItIsClaimed) { EXPECT_EQ(transport().streams() != nullptr, capabilities().streams); }

TEST_P(StreamsSuite, ReadsWhatWasAppendedWholeAndInOrder) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  std::vector<Message> sent;
  StreamId last;
  for (int i = 0; i < 50; ++i) {
    Message message = Numbered(i);
    message.key = "key";
    message.headers.Set("bytes", std::string("\0\xff\r\n", 4));
    message.headers.Set("empty", "");
    if (i == 7) message.body.clear();
    sent.push_back(message);
    const StreamId id = Append(stream, message);
    EXPECT_GT(id, last) << "ids rise";
    last = id;
  }
  const auto entries = Read(stream, StreamId(), 100);
  ASSERT_EQ(entries.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(entries[i].message, sent[i]);
    if (i > 0) EXPECT_GT(entries[i].id, entries[i - 1].id);
  }
  EXPECT_EQ(entries.back().id, last);
}

TEST_P(StreamsSuite, IsReadFromAnyPlaceAnyNumberOfTimes) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  const auto ids = AppendNumbered(stream, 10);
  for (int reader = 0; reader < 3; ++reader) EXPECT_EQ(Bodies(Read(stream, StreamId(), 100)), Numbers(10));
  EXPECT_EQ(Bodies(Read(stream, StreamId(), 3)), Numbers(3));
  EXPECT_EQ(Bodies(Read(stream, ids[6], 100)), (std::vector<std::string>{"7", "8", "9"}));
  EXPECT_EQ(Bodies(Read(stream, ids[6], 1)), (std::vector<std::string>{"7"}));
  EXPECT_TRUE(Read(stream, ids[9], 100).empty());
  // By its text, as it is kept somewhere.
  EXPECT_EQ(Bodies(Read(stream, *StreamId::Parse(ids[8].Text()), 100)), (std::vector<std::string>{"9"}));
}

TEST_P(StreamsSuite, ReadsOnFromTheTailWithoutLosingWhatComesBetween) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  EXPECT_EQ(Must(Run(streams().Tail(stream))), StreamId());
  AppendNumbered(stream, 3);
  StreamId place = Must(Run(streams().Tail(stream)));
  for (int i = 3; i < 8; ++i) {
    // Between the last read and the next.
    Append(stream, Numbered(i));
    const auto entries = Read(stream, place, 10);
    ASSERT_EQ(Bodies(entries), (std::vector<std::string>{std::to_string(i)}));
    place = entries.back().id;
  }
}

TEST_P(StreamsSuite, AReadWaitsForTheFirstEntry) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  std::optional<Result<std::vector<StreamEntry>>> read;
  const auto wait = [&](ms timeout) -> Task<void> {
    read.emplace(co_await streams().Read(stream, StreamId(), 10, timeout));
  };
  // Of a stream that is not there yet, too.
  InTime([&](ms unit) {
    read.reset();
    const Millis end = Moment(2 * unit);
    Spawn(wait(2 * unit));
    Pass(unit);
    const bool waits = !read;
    const bool in_time = !PastIt(end);
    if (in_time) EXPECT_TRUE(waits);
    Pass(2 * unit);
    EXPECT_TRUE(Until([&] { return read.has_value(); }));
    if (read) EXPECT_TRUE(Must(std::move(*read)).empty());
    return in_time;
  });
  EXPECT_EQ(CodeOf(Run(streams().Stats(stream))), ErrorCode::kNotFound) << "reading makes no stream";
  read.reset();
  Spawn(wait(100 * unit()));
  Settle();
  Append(stream, Numbered(1));
  ASSERT_TRUE(Until([&] { return read.has_value(); }));
  EXPECT_EQ(Bodies(Must(std::move(*read))), (std::vector<std::string>{"1"}));
}

TEST_P(StreamsSuite, ClosingTheTransportEndsAReadThatWaits) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  std::optional<Result<std::vector<StreamEntry>>> read;
  const auto wait = [&]() -> Task<void> {
    read.emplace(co_await streams().Read(stream, StreamId(), 10, 100 * unit()));
  };
  Spawn(wait());
  Settle();
  Run(transport().Close());
  ASSERT_TRUE(Until([&] { return read.has_value(); }));
  EXPECT_EQ(CodeOf(*read), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(streams().Append(stream, Numbered(0)))), ErrorCode::kUnavailable);
}

TEST_P(StreamsSuite, CountsItsEntries) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  const auto ids = AppendNumbered(stream, 5);
  const StreamStats stats = Must(Run(streams().Stats(stream)));
  EXPECT_EQ(stats.length, 5U);
  EXPECT_EQ(stats.first, ids.front());
  EXPECT_EQ(stats.last, ids.back());
}

TEST_P(StreamsSuite, RefusesToTrimWhereItDoesNotClaimTo) {
  if (!capabilities().streams || capabilities().stream_trim) GTEST_SKIP() << "no streams, or it trims them";
  const std::string stream = StreamName();
  AppendNumbered(stream, 3);
  EXPECT_EQ(CodeOf(Run(streams().Trim(stream, TrimPolicy::KeepNewest(1)))), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(Run(streams().Trim(stream, TrimPolicy::KeepNewest(0).Force()))), ErrorCode::kUnavailable);
  EXPECT_EQ(Bodies(Read(stream, StreamId(), 100)), Numbers(3)) << "and leaves all as it was";
}

TEST_P(StreamsSuite, IsTrimmedByLengthAndByPlace) {
  if (!capabilities().stream_trim) GTEST_SKIP() << "does not claim to trim";
  const std::string stream = StreamName();
  const auto ids = AppendNumbered(stream, 10);
  EXPECT_EQ(Trim(stream, TrimPolicy::KeepNewest(6)), 4U);
  EXPECT_EQ(Must(Run(streams().Stats(stream))).first, ids[4]);
  EXPECT_EQ(Trim(stream, TrimPolicy::From(ids[7])), 3U);
  EXPECT_EQ(Bodies(Read(stream, StreamId(), 100)), (std::vector<std::string>{"7", "8", "9"}));
  EXPECT_EQ(Trim(stream, TrimPolicy::KeepNewest(100)), 0U);
  EXPECT_EQ(Trim(stream, TrimPolicy::KeepNewest(0)), 3U);
  EXPECT_EQ(ledger().Of(LossCause::kTrimmed), 0U) << "nobody was owed it";
  // Ids are never used again.
  EXPECT_EQ(Must(Run(streams().Tail(stream))), ids[9]);
  EXPECT_GT(Append(stream, Numbered(10)), ids[9]);
}

TEST_P(StreamsSuite, KeepsItsEntriesOverAReopen) {
  if (!capabilities().streams || !features().reopens) GTEST_SKIP() << "does not keep what it has";
  const std::string stream = StreamName();
  const auto ids = AppendNumbered(stream, 10);
  Reopen();
  EXPECT_EQ(Bodies(Read(stream, StreamId(), 100)), Numbers(10));
  EXPECT_GT(Append(stream, Numbered(10)), ids.back());
}

TEST_P(StreamsSuite, RefusesWhatIsOutOfBounds) {
  if (!capabilities().streams) GTEST_SKIP() << "does not claim streams";
  const std::string stream = StreamName();
  EXPECT_EQ(CodeOf(Run(streams().Append(stream, Message::WithId("", "", "")))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Run(streams().Append("", Numbered(0)))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Run(streams().Append(stream, Message("", std::string(capabilities().max_body + 1, 'x'))))),
            ErrorCode::kTooLarge);
  EXPECT_EQ(CodeOf(Run(streams().Stats(stream))), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tidings::messaging::testing
