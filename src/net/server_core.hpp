// ServerCore: what the connections of one HttpServer share.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tidings/net/event_loop.hpp>
#include <tidings/net/http_server.hpp>
#include <tidings/net/server_stats.hpp>

#include "address.hpp"
#include "connection.hpp"
#include "deadlines.hpp"
#include "flusher.hpp"
#include "frame_deflater.hpp"
#include "intake.hpp"
#include "uring_batch.hpp"

namespace tidings::net {

class HttpSession;
class Listener;
class TlsContext;

class ServerCore {
 public:
  ServerCore(EventLoop& loop, HttpServerOptions options);
  ~ServerCore();
  ServerCore(const ServerCore&) = delete;
  ServerCore& operator=(const ServerCore&) = delete;

  EventLoop& loop() { return loop_; }
  const HttpServerOptions& options() const { return options_; }
  ServerStats& stats() { return stats_; }
  const IpBlocks& trusted() const { return trusted_; }
  bool stopping() const { return stopping_; }

  // ---- set-up

  Result<std::uint16_t> Listen(const ListenOptions& options);
  Status ReloadCertificates();
  void Route(std::string prefix, realtime::RequestHandler& handler);
  realtime::RequestHandler* FindRoute(std::string_view path) const;
  void SetResolver(HttpServer::Resolver resolver) { resolver_ = std::move(resolver); }
  // The core that is to answer; this one in most cases.
  ServerCore& Resolve(const realtime::HttpRequest& request);
  void Stop(std::chrono::milliseconds within, std::move_only_function<void()> done);

  // ---- for listeners and what comes before HTTP

  // Takes over the socket. `tls` is null for plain ones.
  void Accepted(int fd, const IpAddress& peer, const TlsContext* tls, bool proxy_header);
  // Counts the connection under its client's address. False: too many, and what is to be answered was sent.
  bool Admit(Connection& connection);
  void BeginHttp(Connection& connection);

  // ---- for connections

  void Add(Connection& connection);
  void Remove(Connection& connection);
  Deadlines& deadlines() { return deadlines_; }
  Flusher& flusher() { return flusher_; }
  Intake& intake() { return intake_; }
  FrameDeflater& deflater() { return deflater_; }
  // Cuts those who have not read for the longest while all their answers together take too much memory.
  void ShedStalled();
  void MarkAwake(Connection& connection);
  void MarkDead(Connection& connection);
  // Destroyed at the turn's end.
  void Bury(std::unique_ptr<Protocol> protocol) { buried_.push_back(std::move(protocol)); }
  // One for the whole loop; its bytes last as long as the call that reads into it.
  std::span<char> read_buffer();
  // The present date, for answers.
  std::string_view Date();
  std::string NextRequestId();
  // Lets the connection answer its request on `to`'s loop.
  void HandOver(Connection& connection, ServerCore& to);

 private:
  void EndTurn();
  void WakeConnections();
  void MoveLeaving();
  void CutAll();
  void CheckDeadlines();
  void CheckStopped();
  void Adopt(std::unique_ptr<Connection> connection);

  EventLoop& loop_;
  const HttpServerOptions options_;
  IpBlocks trusted_;
  ServerStats stats_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<TlsContext>> contexts_;
  std::vector<std::pair<std::string, realtime::RequestHandler*>> routes_;  // longest first
  HttpServer::Resolver resolver_;

  Deadlines deadlines_;
  UringBatch ring_;
  Flusher flusher_;
  Intake intake_;
  FrameDeflater deflater_;
  std::vector<Connection*> awake_;
  std::vector<std::pair<Connection*, ServerCore*>> leaving_;
  std::vector<std::unique_ptr<Connection>> dead_;
  std::vector<std::unique_ptr<Protocol>> buried_;
  std::unordered_map<IpAddress, std::size_t, IpAddressHash> by_address_;
  std::unique_ptr<char[]> read_buffer_;
  std::string date_;
  std::int64_t date_second_ = -1;
  std::string request_prefix_;
  std::uint64_t last_request_ = 0;

  bool stopping_ = false;
  std::move_only_function<void()> stopped_;
  EventLoop::TimerId stop_timer_;
  EventLoop::TimerId deadline_timer_;
  EventLoop::HookId intake_hook_ = 0;
  EventLoop::HookId hook_ = 0;
};

}  // namespace tidings::net
