#include "server_core.hpp"

#include <algorithm>
#include <stdexcept>

#include <sys/socket.h>
#include <unistd.h>

#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>

#include "http_session.hpp"
#include "http_writer.hpp"
#include "listener.hpp"
#include "proxy_stage.hpp"
#include "tls.hpp"

namespace tidings::net {

namespace {

constexpr std::size_t kReadBuffer = 64 * 1024;
constexpr std::chrono::milliseconds kLookAtDeadlines{250};

Millis Length(std::chrono::milliseconds length) { return length.count(); }

// A whole answer for those who are not let in.
std::string Refusal(int status, std::string_view code, std::string_view message, std::string_view date) {
  auto answer = ErrorAnswer(status, code, message);
  answer.headers.emplace_back("Retry-After", "5");
  return AnswerHead(answer, {.date = date, .keep_alive = false}) + answer.body;
}

}  // namespace

ServerCore::ServerCore(EventLoop& loop, HttpServerOptions options)
    : loop_(loop),
      options_(std::move(options)),
      ring_(options_.io_uring),
      flusher_(stats_, ring_),
      intake_(stats_, ring_),
      request_prefix_(RandomToken(8)) {
  auto trusted = IpBlocks::Parse(options_.trusted_proxies);
  if (!trusted) throw std::invalid_argument("trusted_proxies: " + trusted.error().message());
  trusted_ = std::move(*trusted);
  deadlines_.SetLength(Wait::kRequest, Length(options_.request_timeout));
  deadlines_.SetLength(Wait::kIdle, Length(options_.idle_timeout));
  deadlines_.SetLength(Wait::kStall, Length(options_.stall_timeout));
  deadlines_.SetLength(Wait::kClose, Length(options_.close_timeout));
  deadline_timer_ = loop_.RunEvery(kLookAtDeadlines, [this] { CheckDeadlines(); });
  intake_hook_ = loop_.AfterDispatch([this] { intake_.Run(); });
  hook_ = loop_.AtTurnEnd([this] { EndTurn(); });
}

ServerCore::~ServerCore() {
  loop_.Cancel(deadline_timer_);
  loop_.Cancel(stop_timer_);
  loop_.RemoveHook(intake_hook_);
  loop_.RemoveHook(hook_);
  listeners_.clear();
  stopped_ = nullptr;
  // Those who are told may cut others, so it takes rounds.
  CutAll();
  while (!dead_.empty() || !buried_.empty()) {
    auto dead = std::move(dead_);
    dead_.clear();
    for (const auto& connection : dead) connection->TellClosed();
    const auto buried = std::move(buried_);
    buried_.clear();
  }
}

// ---- set-up

Result<std::uint16_t> ServerCore::Listen(const ListenOptions& options) {
  const TlsContext* tls = nullptr;
  if (!options.tls.empty()) {
    auto context = TlsContext::Load(options.tls);
    if (!context) return std::unexpected(context.error());
    contexts_.push_back(std::move(*context));
    tls = contexts_.back().get();
  }
  if (options.proxy_protocol && trusted_.empty()) {
    return Fail(ErrorCode::kInvalid, "the PROXY protocol needs trusted_proxies to say whose headers count");
  }
  auto sockets = OpenListeningSockets(options.host, options.port, options.reuse_port);
  if (!sockets) return std::unexpected(sockets.error());
  for (const int fd : sockets->fds) {
    listeners_.push_back(std::make_unique<Listener>(*this, fd, tls, options.proxy_protocol));
  }
  return sockets->port;
}

Status ServerCore::ReloadCertificates() {
  for (const auto& context : contexts_) {
    if (const Status status = context->Reload(); !status) return status;
  }
  return {};
}

void ServerCore::Route(std::string prefix, realtime::RequestHandler& handler) {
  routes_.emplace_back(std::move(prefix), &handler);
  std::ranges::sort(routes_, std::ranges::greater(), [](const auto& route) { return route.first.size(); });
}

realtime::RequestHandler* ServerCore::FindRoute(std::string_view path) const {
  for (const auto& [prefix, handler] : routes_) {
    if (!path.starts_with(prefix)) continue;
    if (prefix.empty() || prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/') {
      return handler;
    }
  }
  return nullptr;
}

ServerCore& ServerCore::Resolve(const realtime::HttpRequest& request) {
  if (!resolver_) return *this;
  HttpServer* owner = resolver_(request);
  return owner == nullptr ? *this : *owner->core_;
}

void ServerCore::Stop(std::chrono::milliseconds within, std::move_only_function<void()> done) {
  stopping_ = true;
  stopped_ = std::move(done);
  listeners_.clear();
  for (DeadlineNode* node : deadlines_.All()) static_cast<Connection*>(node)->OnStop();
  stop_timer_ = loop_.RunAfter(within, [this] { CutAll(); });
  loop_.Again();
}

void ServerCore::CutAll() {
  for (DeadlineNode* node : deadlines_.All()) static_cast<Connection*>(node)->Abort();
}

// ---- connections

void ServerCore::Accepted(int fd, const IpAddress& peer, const TlsContext* tls, bool proxy_header) {
  stats_.accepted.Add();
  if (options_.max_connections != 0 && stats_.connections_open >= options_.max_connections) {
    stats_.refused_total.Add();
    if (tls == nullptr) {
      const std::string refusal = Refusal(503, "unavailable", "too many connections", Date());
      [[maybe_unused]] const auto sent = send(fd, refusal.data(), refusal.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    close(fd);
    return;
  }
  if (proxy_header && !trusted_.Contains(peer)) {
    stats_.refused_proxy.Add();
    close(fd);
    return;
  }
  auto connection = std::make_unique<Connection>(*this, fd, peer);
  Connection& made = *connection;
  if (proxy_header) {
    made.Become(std::make_unique<ProxyStage>(made, tls));
  } else {
    if (tls != nullptr) made.BeginTls(tls->Accept(fd));
    BeginHttp(made);
  }
  made.Attach(*this);
  // From here on the lists own it.
  static_cast<void>(connection.release());
  made.WaitFor(Wait::kRequest);
  if (!proxy_header) Admit(made);
}

bool ServerCore::Admit(Connection& connection) {
  if (options_.max_connections_per_address == 0 || trusted_.Contains(connection.client())) return true;
  std::size_t& count = by_address_[connection.client().LimitGroup()];
  if (count < options_.max_connections_per_address) {
    ++count;
    connection.set_counted(true);
    return true;
  }
  stats_.refused_address.Add();
  if (connection.secure()) {
    connection.Abort();  // a handshake only to say no would cost more than it is worth
  } else {
    connection.Send(Refusal(429, "rate_limited", "too many connections from this address", Date()));
    connection.CloseAfterFlush();
  }
  return false;
}

void ServerCore::BeginHttp(Connection& connection) { connection.Become(std::make_unique<HttpSession>(connection)); }

void ServerCore::Add(Connection&) { stats_.connections_open.Add(); }

void ServerCore::Remove(Connection& connection) {
  deadlines_.Remove(connection);
  stats_.connections_open.Subtract();
  if (!connection.counted()) return;
  connection.set_counted(false);
  const auto found = by_address_.find(connection.client().LimitGroup());
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

void ServerCore::ShedStalled() {
  if (stats_.output_held <= options_.max_output_held) return;
  for (DeadlineNode* node : deadlines_.In(Wait::kStall)) {
    auto& connection = static_cast<Connection&>(*node);
    if (connection.counted_output() == 0) continue;
    stats_.shed_stalled.Add();
    connection.Abort();
    if (stats_.output_held <= options_.max_output_held) return;
  }
}

void ServerCore::MarkAwake(Connection& connection) { awake_.push_back(&connection); }

void ServerCore::MarkDead(Connection& connection) {
  Remove(connection);
  dead_.emplace_back(&connection);
}

void ServerCore::HandOver(Connection& connection, ServerCore& to) { leaving_.emplace_back(&connection, &to); }

void ServerCore::Adopt(std::unique_ptr<Connection> connection) {
  Connection& adopted = *connection;
  adopted.Attach(*this);
  static_cast<void>(connection.release());
  if (options_.max_connections_per_address != 0 && !trusted_.Contains(adopted.client())) {
    ++by_address_[adopted.client().LimitGroup()];
    adopted.set_counted(true);
  }
  adopted.OnMoved();
}

std::span<char> ServerCore::read_buffer() {
  if (read_buffer_ == nullptr) read_buffer_ = std::make_unique_for_overwrite<char[]>(kReadBuffer);
  return {read_buffer_.get(), kReadBuffer};
}

std::string_view ServerCore::Date() {
  const std::int64_t second = loop_.clock().Now() / 1000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = HttpDate(second);
  }
  return date_;
}

std::string ServerCore::NextRequestId() { return request_prefix_ + "-" + std::to_string(++last_request_); }

// ---- turns

void ServerCore::CheckDeadlines() {
  const Millis now = loop_.Now();
  const std::pair<Wait, Counter*> waits[] = {{Wait::kRequest, &stats_.timed_out_request},
                                             {Wait::kIdle, &stats_.timed_out_idle},
                                             {Wait::kStall, &stats_.timed_out_stalled},
                                             {Wait::kClose, &stats_.timed_out_closing}};
  for (const auto& [wait, counter] : waits) {
    while (DeadlineNode* node = deadlines_.Due(wait, now)) {
      counter->Add();
      static_cast<Connection*>(node)->OnTimeout(wait);
    }
  }
}

void ServerCore::EndTurn() {
  if (awake_.empty() && leaving_.empty() && dead_.empty() && flusher_.idle() && buried_.empty()) return CheckStopped();
  // Those who are called may arm timers and post after others have looked; so the next turn does not wait.
  const bool told = !awake_.empty() || !dead_.empty();
  WakeConnections();
  MoveLeaving();
  {
    // They live until the flusher and all lists have let go of them.
    const auto dead = std::exchange(dead_, {});
    const auto buried = std::exchange(buried_, {});
    for (const auto& connection : dead) connection->TellClosed();
    flusher_.Flush();
    for (const auto& connection : dead) {
      if (connection->dirty_) flusher_.Forget(*connection);
      if (connection->awake_) std::erase(awake_, connection.get());
    }
  }
  deflater_.Clear();
  if (told || !awake_.empty() || !leaving_.empty() || !dead_.empty() || !flusher_.idle()) loop_.Again();
  CheckStopped();
}

void ServerCore::WakeConnections() {
  const auto awake = std::exchange(awake_, {});
  for (Connection* connection : awake) connection->OnWake();
}

void ServerCore::MoveLeaving() {
  for (const auto& [connection, to] : std::exchange(leaving_, {})) {
    if (connection->dead()) continue;
    connection->Detach();
    stats_.handed_over.Add();
    if (connection->awake_) std::erase(awake_, connection);
    connection->awake_ = false;
    to->loop_.Post([to, moved = std::unique_ptr<Connection>(connection)]() mutable { to->Adopt(std::move(moved)); });
  }
}

void ServerCore::CheckStopped() {
  if (!stopping_ || !stopped_ || stats_.connections_open != 0) return;
  loop_.Cancel(stop_timer_);
  std::exchange(stopped_, nullptr)();
}

}  // namespace tidings::net
