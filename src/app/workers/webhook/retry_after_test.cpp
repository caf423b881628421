#include "webhook/retry_after.hpp"

#include <gtest/gtest.h>

namespace tidings::app {
namespace {

using namespace std::chrono_literals;

// Of the example of RFC 9110 §5.6.7: Sun, 06 Nov 1994 08:49:37 GMT.
const Millis kThen = *ParseTime("1994-11-06T08:49:37.000Z");

TEST(RetryAfter, IsSecondsADayAtMost) {
  EXPECT_EQ(RetryAfter("0", kThen), 0s);
  EXPECT_EQ(RetryAfter("120", kThen), 120s);
  EXPECT_EQ(RetryAfter("86400", kThen), 24h);
  EXPECT_EQ(RetryAfter("9007199254740991", kThen), 24h);
}

TEST(RetryAfter, IsADateThatIsWaitedForADayAtMost) {
  EXPECT_EQ(RetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", kThen - 90'500), 90'500ms);
  EXPECT_EQ(RetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", kThen), 0s);
  EXPECT_EQ(RetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", kThen + 1), 0s) << "it is over";
  EXPECT_EQ(RetryAfter("Mon, 07 Nov 1994 08:49:38 GMT", kThen), 24h);
  EXPECT_EQ(RetryAfter("Fri, 31 Dec 9999 23:59:59 GMT", kThen), 24h);
  EXPECT_EQ(RetryAfter("Sun, 06 Nov 0000 08:49:37 GMT", kThen), 0s);
  EXPECT_EQ(RetryAfter("Thu, 29 Feb 1996 00:00:00 GMT", *ParseTime("1996-02-28T23:59:00.000Z")), 1min);
  EXPECT_EQ(RetryAfter("Sat, 31 Dec 1994 23:00:00 GMT", *ParseTime("1994-12-31T22:00:00.000Z")), 1h);
}

TEST(RetryAfter, IsNothingElse) {
  for (const char* header : {"",
                             "soon",
                             "-1",
                             "1.5",
                             "+5",
                             "007",
                             "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun Nov  6 08:49:37 1994",
                             "Sun, 06 Nov 1994 08:49:37 UTC",
                             "Sun, 06 Nov 1994 08:49:37",
                             "Son, 06 Nov 1994 08:49:37 GMT",
                             "unM, 06 Nov 1994 08:49:37 GMT",
                             "Sun, 06 nov 1994 08:49:37 GMT",
                             "Sun, 06 anF 1994 08:49:37 GMT",
                             "Sun, 31 Nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 24:00:00 GMT",
                             "Sun, 06 Nov 1994 08:60:00 GMT",
                             "Sun, 06 Nov 1994 08-49-37 GMT",
                             "Sun, +6 Nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 199x 08:49:37 GMT",
                             "Sun; 06 Nov 1994 08:49:37 GMT",
                             "Sun, 06-Nov-1994 08:49:37 GMT",
                             "2024-11-06T08:49:37.000Z     "}) {
    EXPECT_FALSE(RetryAfter(header, kThen)) << header;
  }
}

}  // namespace
}  // namespace tidings::app
