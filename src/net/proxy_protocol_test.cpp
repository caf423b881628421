#include "proxy_protocol.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tidings::net {
namespace {

using State = ProxyHeader::State;
using namespace std::string_literals;

std::string ClientOf(std::string_view bytes) {
  const ProxyHeader header = ReadProxyHeader(bytes);
  if (header.state == State::kBad) return "bad";
  if (header.state == State::kIncomplete) return "incomplete";
  return header.client ? header.client->Text() : "none";
}

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string Version2(char command, char family, const std::string& block) {
  return kSignature + command + family + static_cast<char>(block.size() >> 8) + static_cast<char>(block.size() & 255) +
         block;
}

TEST(ProxyProtocol, ReadsVersion1) {
  EXPECT_EQ(ClientOf("PROXY TCP4 192.0.2.7 192.0.2.2 56324 443\r\nGET"), "192.0.2.7");
  EXPECT_EQ(ClientOf("PROXY TCP6 2001:db8::7 ::1 56324 443\r\n"), "2001:db8::7");
  EXPECT_EQ(ClientOf("PROXY UNKNOWN\r\n"), "none");
  EXPECT_EQ(ClientOf("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), "none");
  EXPECT_EQ(ReadProxyHeader("PROXY UNKNOWN\r\nGET").size, 15u);
}

TEST(ProxyProtocol, RefusesBadVersion1) {
  for (const char* line : {"PROXY TCP4 192.0.2.7 192.0.2.2 56324\r\n", "PROXY TCP4 192.0.2.7 192.0.2.2 56324 99999\r\n",
                           "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP5 192.0.2.7 192.0.2.2 1 2\r\n",
                           "PROXY  TCP4 192.0.2.7 192.0.2.2 1 2\r\n", "PROXY TCP4 192.0.2.7 192.0.2.2 01 2\r\n",
                           "PROXX", "GET / HTTP/1.1\r\n", "PROXY\r\n"}) {
    EXPECT_EQ(ClientOf(line), "bad") << line;
  }
  EXPECT_EQ(ClientOf("PROXY TCP4 " + std::string(100, '1')), "bad");
}

TEST(ProxyProtocol, ReadsVersion2) {
  const std::string four = "\xc0\x00\x02\x07\xc0\x00\x02\x02\xdb\xfc\x01\xbb"s;
  EXPECT_EQ(ClientOf(Version2('\x21', '\x11', four) + "GET"), "192.0.2.7");
  EXPECT_EQ(ClientOf(Version2('\x21', '\x11', four + "\x04\x00\x01x"s)), "192.0.2.7");
  std::string six(36, '\0');
  six[15] = 1;
  EXPECT_EQ(ClientOf(Version2('\x21', '\x21', six)), "::1");
  EXPECT_EQ(ClientOf(Version2('\x20', '\x00', "")), "none");
  EXPECT_EQ(ClientOf(Version2('\x21', '\x31', std::string(216, 'x'))), "none");
  EXPECT_EQ(ClientOf(Version2('\x21', '\x11', "short")), "bad");
  EXPECT_EQ(ClientOf(Version2('\x11', '\x11', four)), "bad");
  EXPECT_EQ(ClientOf(Version2('\x22', '\x11', four)), "bad");
  EXPECT_EQ(ClientOf(Version2('\x21', '\x11', std::string(5000, 'x'))), "bad");
}

TEST(ProxyProtocol, WaitsForTheRest) {
  for (const std::string& whole : {"PROXY TCP4 192.0.2.7 192.0.2.2 56324 443\r\n"s,
                                   Version2('\x21', '\x11', "\xc0\x00\x02\x07\xc0\x00\x02\x02\xdb\xfc\x01\xbb"s)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(ClientOf(whole.substr(0, size)), "incomplete") << size;
    }
    EXPECT_EQ(ReadProxyHeader(whole).size, whole.size());
  }
}

}  // namespace
}  // namespace tidings::net
