// HttpServer: listens, and serves HTTP/1.1 and WebSocket (RFC 9112, RFC 6455) on one EventLoop.
//
//   EventLoop loop(clock);
//   HttpServer server(loop);
//   server.Route("/socket.io/", engine);                      // a realtime::RequestHandler; outlives the server
//   Result<std::uint16_t> port = server.Listen({.host = "127.0.0.1", .port = 3000});
//   if (!port) return Complain(port.error());
//   loop.Run();
//
// Several loops: one HttpServer on each, listening on the same port with reuse_port.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/net/event_loop.hpp>
#include <tidings/net/server_stats.hpp>
#include <tidings/realtime/http.hpp>
#include <tidings/realtime/link.hpp>

namespace tidings::net {

// PEM files: a certificate with its chain, and its key.
struct TlsFiles {
  std::string certificate;
  std::string key;
  bool empty() const { return certificate.empty() && key.empty(); }
};

struct ListenOptions {
  std::string host = "127.0.0.1";  // an IPv4 or IPv6 address, or a name; "" and "*" are all addresses
  std::uint16_t port = 0;          // 0: a free one
  bool reuse_port = false;         // several listeners, each with its share
  bool proxy_protocol = false;     // each connection begins with a PROXY header (v1 or v2) from a trusted proxy
  TlsFiles tls;                    // empty: plain
};

struct HttpServerOptions {
  std::size_t max_connections = 0;              // 0: as many as there are file descriptors
  std::size_t max_connections_per_address = 0;  // 0: no limit. An IPv6 address counts as its /64; proxies do not count
  std::vector<std::string> trusted_proxies;     // addresses and CIDR blocks: "10.0.0.0/8", "::1"

  std::size_t max_head = 16 * 1024;             // request line and headers; above: 431
  std::size_t max_headers = 100;
  std::size_t max_fragments = 4096;             // of one WebSocket message; above: 1008
  std::size_t max_input_held = 512u << 20;      // bytes of unfinished requests and messages in all; above: closed
  std::size_t max_output_held = 256u << 20;     // bytes of answers; above, those who stalled longest are cut

  std::chrono::milliseconds request_timeout{10'000};  // for a whole head, and between two pieces of a body
  std::size_t min_body_rate = 1024;                   // bytes a second of a body after its first request_timeout
  std::chrono::milliseconds idle_timeout{75'000};     // between two requests
  std::chrono::milliseconds stall_timeout{60'000};    // output that does not move, to a silent peer; 0: for ever
  std::chrono::milliseconds close_timeout{2'000};     // for the peer to end its side

  bool deflate = false;  // WebSocket permessage-deflate (RFC 7692), without context takeover
  bool io_uring = true;  // writes of many connections in one system call, where the kernel lets us
};

// All calls on the loop's thread, or before it runs. Destroyed on that thread, or after the loop has stopped: cuts all
// connections and tells their receivers and exchanges.
class HttpServer {
 public:
  explicit HttpServer(EventLoop& loop, HttpServerOptions options = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Requests whose path begins with `prefix` go to `handler`, which outlives the server. The longest prefix counts; one
  // without a slash at its end matches whole segments only ("/api" takes "/api" and "/api/x", not "/apix"). What no
  // prefix takes is answered with 404.
  void Route(std::string prefix, realtime::RequestHandler& handler);

  // Opens a listener; any number of them. The actual port, or what is wrong: kInvalid for options, files and addresses,
  // kUnavailable if the address is taken.
  Result<std::uint16_t> Listen(const ListenOptions& options);

  // Reads the certificates of all listeners again. New connections get them; on an error the old ones stay.
  Status ReloadCertificates();

  // For several loops: asked for each request that was read whole, and may name the server on whose loop it is to be
  // answered (the owner of a polling session); the connection moves there. Null: here.
  using Resolver = std::move_only_function<HttpServer*(const realtime::HttpRequest&)>;
  void SetResolver(Resolver resolver);

  // Ends gracefully: no new connections, idle ones are closed, WebSockets get 1001, requests in flight are answered
  // with Connection: close. Calls `done` once when all have gone; those left after `within` are cut.
  void Stop(std::chrono::milliseconds within, std::move_only_function<void()> done);

  EventLoop& loop() const;
  // Readable from any thread while the server lives.
  const ServerStats& stats() const;

 private:
  friend class ServerCore;
  std::unique_ptr<class ServerCore> core_;
};

}  // namespace tidings::net
