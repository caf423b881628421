// HttpClient: requests to servers of others, many at once on a thread of its own.
//
//   HttpClient client(HttpClientOptions{});
//   client.Post({"https://shop.example/hook", {{"content-type", "application/json"}}, body}, [](HttpReply reply) { … });
//
// It follows no redirects, uses no proxy, and unless it is told otherwise connects to public addresses only: the address is
// looked at when the connection is made, so that a name that resolves differently a moment later changes nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/error.hpp>

namespace tidings::net {

struct HttpClientOptions {
  bool private_addresses = false;             // loopback, private, link-local … may be connected to
  std::chrono::milliseconds timeout{15'000};  // of a whole request
  std::size_t most_at_once = 256;             // the others wait for their turn
  // Bytes of a reply's body that are kept. A body that goes on beyond that is read and dropped up to 64 KiB, so that the
  // connection can be used again; one that goes on still is the end of the connection, and the status is the answer.
  std::size_t most_reply = 16 * 1024;
  std::string user_agent = "tidings";
};

struct HttpPost {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct HttpReply {
  int status = 0;           // 0: there was no answer
  std::string error;        // why there was none
  bool refused = false;     // because the address is not public
  std::string retry_after;  // the header of that name
  std::string body;
};

// Thread-safe.
class HttpClient {
 public:
  // Called once for each request, on the client's thread. What waits or runs when the client ends gets status 0.
  using Done = std::move_only_function<void(HttpReply)>;

  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The request's number.
  std::uint64_t Post(HttpPost request, Done done);
  // Ends it soon, with status 0, if it has not ended.
  void Cancel(std::uint64_t number);

 private:
  class State;
  std::unique_ptr<State> state_;
};

// Whether it is http:// or https:// with a host, without user and password. kInvalid says what is wrong.
Status CheckUrl(std::string_view url);

// Whether the host of a URL is an address that is not public, in whatever spelling, or localhost. Other names are not resolved,
// and what is no URL has no such host.
bool NamesPrivateAddress(std::string_view url);

// Whether an address (4 or 16 bytes, as on the wire) is one of the public Internet: not loopback, private, shared,
// link-local, unspecified, multicast, reserved or for documentation (IANA's special-purpose registries), in IPv4 or IPv6,
// nor an IPv6 address that stands for such an IPv4 one.
bool IsPublicAddress(std::string_view bytes);

}  // namespace tidings::net
