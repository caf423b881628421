#include <tidings/net/http_client.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dlfcn.h>
#include <netdb.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>

namespace {

constexpr const char* kSlowName = "slow.test";
std::atomic<bool> resolver_stuck{false};
std::atomic<int> resolving{0};

}  // namespace

// In place of the C library's, for libcurl too: one name is resolved for as long as a test wants.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  if (node != nullptr && std::strcmp(node, kSlowName) == 0) {
    ++resolving;
    while (resolver_stuck) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    --resolving;
    return EAI_AGAIN;
  }
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto kReal = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return kReal(node, service, hints, found);
}

namespace tidings::net {
namespace {

std::string BytesOf(const char* text) {
  std::string bytes(16, '\0');
  if (inet_pton(AF_INET6, text, bytes.data()) == 1) return bytes;
  bytes.resize(4);
  EXPECT_EQ(inet_pton(AF_INET, text, bytes.data()), 1) << text;
  return bytes;
}

TEST(PublicAddress, RefusesWhatIsNotOfTheInternet) {
  for (const char* text : {"127.0.0.1",
                           "127.9.9.9",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "0.0.0.0",
                           "224.0.0.1",
                           "255.255.255.255",
                           "192.0.2.1",
                           "198.18.0.1",
                           "198.19.0.1",
                           "::1",
                           "::",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1",
                           "2001:db8::1",
                           "2002:7f00:1::"}) {
    EXPECT_FALSE(IsPublicAddress(BytesOf(text))) << text;
  }
  for (const char* text : {"1.1.1.1", "172.32.0.1", "172.15.0.1", "100.128.0.1", "192.167.1.1", "223.1.1.1",
                           "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_TRUE(IsPublicAddress(BytesOf(text))) << text;
  }
  EXPECT_FALSE(IsPublicAddress("abc"));
}

TEST(CheckUrl, TakesPlainUrlsOnly) {
  EXPECT_TRUE(CheckUrl("https://shop.example/hook?x=1"));
  EXPECT_TRUE(CheckUrl("http://127.0.0.1:3000/"));
  EXPECT_FALSE(CheckUrl(std::string_view("http://shop.example/\0x", 22)));
  EXPECT_FALSE(CheckUrl("http://shop.example/\r\nx"));
  for (const char* text : {"", "shop.example", "ftp://shop.example/", "file:///etc/passwd", "https://", "gopher://x",
                           "https://user:secret@shop.example/", "javascript:alert(1)"}) {
    EXPECT_FALSE(CheckUrl(text)) << text;
  }
}

TEST(NamesPrivateAddress, KnowsAddressesInEverySpelling) {
  for (const char* host : {"127.0.0.1", "10.1.2.3:8080", "192.168.0.1", "169.254.169.254", "[::1]:9",
                           "[fe80::1%25eth0]", "[::ffff:127.0.0.1]", "localhost", "LocalHost:80", "a.localhost",
                           "localhost.", "127.1", "0x7f.1", "2130706433", "0.0.0.0"}) {
    EXPECT_TRUE(NamesPrivateAddress("http://" + std::string(host) + "/hook")) << host;
  }
  for (const char* host : {"shop.example", "1.1.1.1", "[2606:4700::1111]:443", "localhost.shop.example", "10.example",
                           "127.0.0.1.shop.example"}) {
    EXPECT_FALSE(NamesPrivateAddress("https://" + std::string(host) + "/hook?to=127.0.0.1")) << host;
  }
  EXPECT_FALSE(NamesPrivateAddress("nonsense://"));
}

// Answers one request with `answer`, which goes on for as long as it is read if it is `endless`, and keeps what came.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool endless = false)
      : answer_(std::move(answer)), endless_(endless), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listening_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~OneAnswer() {
    shutdown(listening_, SHUT_RDWR);
    close(listening_);
    thread_.join();
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  std::string received;
  std::atomic<std::size_t> poured = 0;

 private:
  void Serve() {
    const int peer = accept(listening_, nullptr, nullptr);
    if (peer < 0) return;
    char bytes[4096];
    while (received.find("hello") == received.npos) {
      const ssize_t got = recv(peer, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      received.append(bytes, static_cast<std::size_t>(got));
    }
    send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    const std::string more(16 * 1024, 'z');
    while (endless_ && send(peer, more.data(), more.size(), MSG_NOSIGNAL) > 0) poured += more.size();
    close(peer);
  }

  std::string answer_;
  const bool endless_;
  int listening_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

HttpReply PostTo(HttpClient& client, const std::string& url) {
  std::promise<HttpReply> promise;
  auto answered = promise.get_future();
  client.Post({url, {{"content-type", "application/json"}, {"webhook-id", "7"}}, "hello"},
              [&](HttpReply reply) { promise.set_value(std::move(reply)); });
  return answered.get();
}

TEST(HttpClient, PostsAndTellsTheAnswer) {
  OneAnswer server("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
  HttpClientOptions options;
  options.private_addresses = true;
  options.most_reply = 2;
  HttpClient client(options);
  const HttpReply reply = PostTo(client, server.Url());
  EXPECT_EQ(reply.status, 503) << reply.error;
  EXPECT_EQ(reply.retry_after, "7");
  EXPECT_EQ(reply.body, "bu");
  EXPECT_NE(server.received.find("POST /hook HTTP/1.1"), std::string::npos) << server.received;
  EXPECT_NE(server.received.find("webhook-id: 7"), std::string::npos) << server.received;
}

TEST(HttpClient, EndsABodyThatDoesNotEnd) {
  constexpr std::size_t kMiB = 1024 * 1024;
  for (const std::size_t most : {std::size_t{2}, kMiB}) {
    OneAnswer server("HTTP/1.1 201 Created\r\nContent-Length: 100000000000\r\n\r\n", true);
    HttpClientOptions options;
    options.private_addresses = true;
    options.most_reply = most;
    options.timeout = std::chrono::minutes(2);
    HttpClient client(options);
    const HttpReply reply = PostTo(client, server.Url());
    EXPECT_EQ(reply.status, 201) << reply.error;
    EXPECT_EQ(reply.body, std::string(most, 'z'));
    // What the buffers of the sockets took beside.
    EXPECT_LT(server.poured, most + 16 * kMiB);
  }
}

TEST(HttpClient, FollowsNoRedirect) {
  OneAnswer server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  HttpClientOptions options;
  options.private_addresses = true;
  HttpClient client(options);
  EXPECT_EQ(PostTo(client, server.Url()).status, 302);
}

TEST(HttpClient, ConnectsToNoPrivateAddress) {
  HttpClient client(HttpClientOptions{});
  for (const char* url : {"http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://10.0.0.1/",
                          "http://2130706433/", "http://0x7f.1/", "http://0.0.0.0:9/"}) {
    const HttpReply reply = PostTo(client, url);
    EXPECT_EQ(reply.status, 0) << url;
    EXPECT_EQ(reply.error, "its address is not public") << url;
    EXPECT_TRUE(reply.refused) << url;
  }
}

TEST(HttpClient, ASlowNameHoldsUpNoOther) {
  resolver_stuck = true;
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    HttpClientOptions options;
    options.private_addresses = true;
    options.timeout = std::chrono::seconds(3);
    HttpClient slow(options);
    EXPECT_EQ(PostTo(slow, std::string("http://") + kSlowName + "/").status, 0);
    EXPECT_EQ(resolving, 1) << "its time is over, its thread is not";
    EXPECT_EQ(PostTo(slow, server.Url()).status, 200);
  }
  resolver_stuck = false;
  for (int i = 0; i < 6'000 && resolving > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(resolving, 0);
}

TEST(HttpClient, EndsWhatRunsWhenItEnds) {
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listening, 4), 0);
  socklen_t size = sizeof address;
  getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  HttpReply reply;
  {
    HttpClientOptions options;
    options.private_addresses = true;
    HttpClient client(options);
    client.Post({"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/", {}, "hello"},
                [&](HttpReply answered) { reply = std::move(answered); });
  }
  EXPECT_EQ(reply.status, 0);
  EXPECT_EQ(reply.error, "the client is closing");
  close(listening);
}

}  // namespace
}  // namespace tidings::net
