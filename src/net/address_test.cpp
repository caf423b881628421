#include "address.hpp"

#include <gtest/gtest.h>

namespace tidings::net {
namespace {

IpAddress Address(std::string_view text) { return IpAddress::Parse(text).value(); }
IpBlocks Blocks(const std::vector<std::string>& blocks) { return IpBlocks::Parse(blocks).value(); }

TEST(Address, ReadsAndWrites) {
  for (const char* text : {"127.0.0.1", "255.255.255.255", "::1", "2001:db8::7"}) EXPECT_EQ(Address(text).Text(), text);
  EXPECT_EQ(Address("[::1]").Text(), "::1");
  EXPECT_EQ(Address("::ffff:10.0.0.1"), Address("10.0.0.1"));
  for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "::g", "[::1"}) EXPECT_FALSE(IpAddress::Parse(text));
}

TEST(Address, GroupsIpv6ByItsNetwork) {
  EXPECT_EQ(Address("2001:db8:0:1:a::1").LimitGroup(), Address("2001:db8:0:1:b::2").LimitGroup());
  EXPECT_NE(Address("2001:db8:0:1::1").LimitGroup(), Address("2001:db8:0:2::1").LimitGroup());
  EXPECT_NE(Address("10.0.0.1").LimitGroup(), Address("10.0.0.2").LimitGroup());
}

TEST(Address, KnowsBlocks) {
  const IpBlocks blocks = Blocks({"10.0.0.0/8", "192.168.1.128/25", "fd00::/8", "1.2.3.4", "::1"});
  for (const char* in : {"10.1.2.3", "192.168.1.128", "fd12::1", "1.2.3.4", "::1"}) {
    EXPECT_TRUE(blocks.Contains(Address(in))) << in;
  }
  for (const char* out : {"11.0.0.0", "192.168.1.127", "fe00::1", "1.2.3.5", "::2"}) {
    EXPECT_FALSE(blocks.Contains(Address(out))) << out;
  }
  EXPECT_TRUE(Blocks({"0.0.0.0/0"}).Contains(Address("8.8.8.8")));
  EXPECT_FALSE(Blocks({"0.0.0.0/0"}).Contains(Address("::8")));
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "x/8", "::/129"}) {
    EXPECT_FALSE(IpBlocks::Parse({bad}).has_value()) << bad;
  }
}

TEST(Address, FindsTheClientBehindProxies) {
  const IpBlocks trusted = Blocks({"10.0.0.0/8"});
  const auto client = [&](std::string_view peer, std::string_view header) {
    return ForwardedClient(Address(peer), header, trusted).Text();
  };
  EXPECT_EQ(client("10.0.0.1", "203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(client("10.0.0.1", "1.1.1.1, 203.0.113.7, 10.0.0.2"), "203.0.113.7");
  EXPECT_EQ(client("10.0.0.1", "10.0.0.3 ,10.0.0.2"), "10.0.0.3");
  EXPECT_EQ(client("10.0.0.1", "[2001:db8::7]:1234"), "2001:db8::7");
  EXPECT_EQ(client("10.0.0.1", "203.0.113.7:1234"), "203.0.113.7");
  EXPECT_EQ(client("10.0.0.1", "unknown"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", ""), "10.0.0.1");
  EXPECT_EQ(client("203.0.113.9", "1.1.1.1"), "203.0.113.9");
}

}  // namespace
}  // namespace tidings::net
