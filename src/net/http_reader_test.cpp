#include "http_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tidings::net {
namespace {

using Step = HttpReader::Step;
using namespace std::string_literals;

struct Outcome {
  Step step = Step::kMore;
  int status = 0;
  realtime::HttpRequest request;
  std::size_t taken = 0;
  bool keep_alive = false;
};

// Reads `bytes` in pieces of `piece` bytes, as a connection does: what was not taken comes first again.
Outcome ReadInPieces(std::string_view bytes, std::size_t piece, std::size_t most) {
  HttpReader reader(HttpLimits{});
  Outcome outcome;
  std::string held;
  for (std::size_t at = 0; at <= bytes.size() && outcome.step == Step::kMore; at += piece) {
    held += bytes.substr(std::min(at, bytes.size()), piece);
    while (true) {
      std::size_t taken = 0;
      outcome.step = reader.Read(held, taken);
      held.erase(0, taken);
      outcome.taken += taken;
      if (outcome.step != Step::kHead) break;
      reader.LimitBody(most);
    }
  }
  outcome.status = reader.refusal().status;
  outcome.keep_alive = reader.keep_alive();
  outcome.request = std::move(reader.request());
  return outcome;
}

// The same whole and byte by byte.
Outcome Read(std::string_view bytes, std::size_t most = 1000) {
  const Outcome slow = ReadInPieces(bytes, 1, most);
  Outcome fast = ReadInPieces(bytes, bytes.size() + 1, most);
  EXPECT_EQ(slow.step, fast.step) << bytes;
  EXPECT_EQ(slow.status, fast.status) << bytes;
  EXPECT_EQ(slow.request.body, fast.request.body) << bytes;
  EXPECT_EQ(slow.request.headers, fast.request.headers) << bytes;
  if (fast.step == Step::kWhole) EXPECT_EQ(slow.taken, fast.taken) << bytes;
  return fast;
}

std::string Get(std::string_view more) { return "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(more) + "\r\n"; }
std::string Post(std::string_view headers, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n" + std::string(body);
}
int Refused(std::string_view bytes) {
  const Outcome outcome = Read(bytes);
  EXPECT_EQ(outcome.step, Step::kRefused) << bytes;
  return outcome.status;
}

TEST(HttpReader, ReadsARequest) {
  const Outcome outcome =
      Read("GET /a%20b/%C3%A9?x=1&y=a+b%2B&z&%61=%zz HTTP/1.1\r\nHost: h\r\nX-Some:  v 1 \r\nEmpty:\r\n\r\nrest");
  ASSERT_EQ(outcome.step, Step::kWhole);
  EXPECT_EQ(outcome.request.method, "GET");
  EXPECT_EQ(outcome.request.path, "/a b/é");
  const std::vector<std::pair<std::string, std::string>> query = {{"x", "1"}, {"y", "a b+"}, {"z", ""}, {"a", "%zz"}};
  EXPECT_EQ(outcome.request.query, query);
  EXPECT_EQ(outcome.request.Header("x-some"), "v 1");
  EXPECT_EQ(outcome.request.Header("empty"), "");
  EXPECT_TRUE(outcome.keep_alive);
}

TEST(HttpReader, KnowsWhoWantsToGoOn) {
  EXPECT_TRUE(Read(Get("")).keep_alive);
  EXPECT_FALSE(Read(Get("Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(Read("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(Read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(HttpReader, ReadsBodies) {
  EXPECT_EQ(Read(Post("Content-Length: 5\r\n", "hello more")).request.body, "hello");
  EXPECT_EQ(Read(Post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n")).request.body,
            "hello!");
  EXPECT_EQ(Read(Post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n")).step, Step::kWhole);
  EXPECT_EQ(Read(Post("Content-Length: 0\r\n", "")).step, Step::kWhole);
}

TEST(HttpReader, ForgivesOneEmptyLineBeforeARequest) { EXPECT_EQ(Read("\r\n" + Get("")).step, Step::kWhole); }

TEST(HttpReader, RefusesWhatServersReadDifferently) {
  EXPECT_EQ(Refused(Post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")), 400);
  EXPECT_EQ(Refused(Post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")), 400);
  EXPECT_EQ(Refused(Post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")), 400);
  EXPECT_EQ(Refused(Post("Content-Length: 5, 5\r\n", "hello")), 400);
  for (const char* length : {"+5", "-5", "5x", "0x5", "", "5 5", "99999999999999999999"}) {
    EXPECT_EQ(Refused(Post("Content-Length: "s + length + "\r\n", "hello")), 400) << length;
  }
  EXPECT_EQ(Refused(Post("Transfer-Encoding: gzip, chunked\r\n", "")), 501);
  EXPECT_EQ(Refused(Post("Transfer-Encoding: identity\r\n", "")), 501);
  EXPECT_EQ(Refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\nHost: x\n\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"), 400);
  EXPECT_EQ(Refused(Get("A: b\rc\r\n")), 400);
  EXPECT_EQ(Refused(Get("A: b\r\n c\r\n")), 400);
  EXPECT_EQ(Refused(Get("A: b\r\n\tc\r\n")), 400);
  EXPECT_EQ(Refused(Get("A: \0\r\n"s.insert(3, 1, '\0'))), 400);
  EXPECT_EQ(Refused(Get("A : b\r\n")), 400);
  EXPECT_EQ(Refused(Get(": b\r\n")), 400);
  EXPECT_EQ(Refused(Get("no colon\r\n")), 400);
}

TEST(HttpReader, RefusesBrokenChunks) {
  for (const char* body : {"x\r\n", "-1\r\n", "5\r\nhello0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "ffffffffffffffffff\r\n",
                           " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello"}) {
    EXPECT_EQ(Refused(Post("Transfer-Encoding: chunked\r\n", body)), 400) << body;
  }
  EXPECT_EQ(Refused(Post("Transfer-Encoding: chunked\r\n", "5;" + std::string(2000, 'a'))), 400);
}

TEST(HttpReader, RefusesWhatIsNoRequest) {
  EXPECT_EQ(Refused("\x16\x03\x01"), 400);
  EXPECT_EQ(Refused("hello world\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(Refused("BREW / HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
  EXPECT_EQ(Refused("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), 505);
  EXPECT_EQ(Refused("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(Refused(Post("Expect: a-miracle\r\nContent-Length: 1\r\n", "")), 417);
}

TEST(HttpReader, LimitsHeads) {
  EXPECT_EQ(Refused(Get("A: " + std::string(16 * 1024, 'x') + "\r\n")), 431);
  EXPECT_EQ(Refused("GET /" + std::string(20'000, 'x')), 431);
  std::string many;
  for (int i = 0; i < 99; ++i) many += "A: b\r\n";
  EXPECT_EQ(Read(Get(many)).step, Step::kWhole);
  EXPECT_EQ(Refused(Get(many + "A: b\r\n")), 431);
}

TEST(HttpReader, LimitsBodies) {
  EXPECT_EQ(Read(Post("Content-Length: 5\r\n", "hello"), 5).step, Step::kWhole);
  EXPECT_EQ(Read(Post("Content-Length: 6\r\n", ""), 5).status, 413);
  EXPECT_EQ(Read(Post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), 5).step, Step::kWhole);
  EXPECT_EQ(Read(Post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n1\r\n"), 5).status, 413);
  EXPECT_EQ(Read(Post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n"), 5).status, 413);
}

TEST(HttpReader, TakesAbsoluteTargets) {
  EXPECT_EQ(Read("GET http://host:80/p?q=1 HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "/p");
  EXPECT_EQ(Read("GET http://host?q=1 HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "/");
  EXPECT_EQ(Read("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "*");
}

TEST(HttpReader, RepairsQueries) {
  const Outcome outcome = Read("GET /?a=%00%ff%C3x&b=%E2%82%AC HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(outcome.request.Query("a"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
  EXPECT_EQ(outcome.request.Query("b"), "€");
}

TEST(HttpReader, SplitsThePathBeforeItDecodes) {
  HttpReader reader(HttpLimits{});
  std::size_t taken = 0;
  ASSERT_EQ(reader.Read("GET /users/a%2Fb/x/?q=1 HTTP/1.1\r\nHost: x\r\n\r\n", taken), HttpReader::Step::kHead);
  EXPECT_EQ(reader.request().path, "/users/a/b/x/");
  EXPECT_EQ(reader.request().segments, (std::vector<std::string>{"users", "a/b", "x", ""}));
}

}  // namespace
}  // namespace tidings::net
