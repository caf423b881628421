#include "websocket_handshake.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tidings::net {
namespace {

realtime::HttpRequest Request() {
  realtime::HttpRequest request;
  request.method = "GET";
  request.headers = {{"host", "x"},
                     {"upgrade", "websocket"},
                     {"connection", "keep-alive, Upgrade"},
                     {"sec-websocket-version", "13"},
                     {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  return request;
}

realtime::HttpRequest With(std::string_view name, std::string value) {
  auto request = Request();
  std::erase_if(request.headers, [&](const auto& header) { return header.first == name; });
  if (!value.empty()) request.headers.emplace_back(name, std::move(value));
  return request;
}

int StatusOf(const realtime::HttpRequest& request, bool version_1_1 = true) {
  const auto checked = CheckHandshake(request, version_1_1, false);
  return checked ? 101 : checked.error().status;
}

TEST(WebSocketHandshake, AnswersTheExampleOfTheStandard) {
  const auto handshake = CheckHandshake(Request(), true, false);
  ASSERT_TRUE(handshake);
  EXPECT_EQ(handshake->accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_FALSE(handshake->deflate);
}

TEST(WebSocketHandshake, RefusesWhatIsWrong) {
  EXPECT_EQ(StatusOf(With("connection", "keep-alive")), 400);
  EXPECT_EQ(StatusOf(With("sec-websocket-version", "12")), 426);
  EXPECT_EQ(StatusOf(With("sec-websocket-version", "")), 426);
  EXPECT_EQ(StatusOf(Request(), false), 400);
  for (const char* key : {"", "short", "dGhlIHNhbXBsZSBub25jZQ",
                          "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25j!!=="}) {
    EXPECT_EQ(StatusOf(With("sec-websocket-key", key)), 400) << key;
  }
  auto twice = Request();
  twice.headers.emplace_back("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(StatusOf(twice), 400);
  auto post = Request();
  post.method = "POST";
  EXPECT_EQ(StatusOf(post), 400);
}

TEST(WebSocketHandshake, NamesTheVersionItServes) {
  const auto refused = CheckHandshake(With("sec-websocket-version", "8"), true, false);
  ASSERT_FALSE(refused);
  const std::pair<std::string, std::string> header{"Sec-WebSocket-Version", "13"};
  EXPECT_NE(std::ranges::find(refused.error().headers, header), refused.error().headers.end());
}

TEST(WebSocketHandshake, KnowsWhoAsks) {
  EXPECT_TRUE(AsksForWebSocket(With("upgrade", "WebSocket")));
  EXPECT_TRUE(AsksForWebSocket(With("upgrade", "h2c, websocket")));
  EXPECT_FALSE(AsksForWebSocket(With("upgrade", "h2c")));
  EXPECT_FALSE(AsksForWebSocket(With("upgrade", "")));
}

TEST(WebSocketHandshake, GrantsCompressionItCanKeep) {
  const auto granted = [](const char* offers, bool allowed = true) {
    return CheckHandshake(With("sec-websocket-extensions", offers), true, allowed)->deflate;
  };
  EXPECT_TRUE(granted("permessage-deflate"));
  EXPECT_TRUE(granted("permessage-deflate; client_max_window_bits"));
  EXPECT_TRUE(granted("foo, permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
  EXPECT_TRUE(granted("permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits=15"));
  EXPECT_FALSE(granted("permessage-deflate", false));
  EXPECT_FALSE(granted("permessage-deflate; server_max_window_bits=10"));
  EXPECT_FALSE(granted("permessage-deflate; unknown"));
  EXPECT_FALSE(granted("permessage-deflate; client_max_window_bits=16"));
  EXPECT_FALSE(granted("permessage-deflate; client_max_window_bits; client_max_window_bits"));
  EXPECT_FALSE(granted("x-webkit-deflate-frame"));
}

}  // namespace
}  // namespace tidings::net
