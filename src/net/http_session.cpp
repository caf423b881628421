#include "http_session.hpp"

#include <algorithm>
#include <utility>

#include <tidings/base/log.hpp>

#include "connection.hpp"
#include "http_writer.hpp"
#include "server_core.hpp"
#include "websocket_handshake.hpp"
#include "websocket_session.hpp"

namespace tidings::net {

namespace {

using realtime::HttpAnswer;
using realtime::HttpRequest;

constexpr std::size_t kMostPending = 256 * 1024;  // above, no further request is read
constexpr std::size_t kUnknownBody = 64 * 1024;   // of a request that nobody serves
constexpr std::size_t kJoinUpTo = 16 * 1024;      // bytes of a body that are copied behind the head

}  // namespace

// Held by whoever answers; outlives the session where it must.
class HttpSession::Exchange final : public realtime::HttpExchange {
 public:
  explicit Exchange(HttpSession& session) : session_(&session), loop_(session.connection_.core().loop()) {}
  ~Exchange() override {
    if (session_ != nullptr) session_->OnDropped();
    if (alive_ != nullptr) *alive_ = false;
  }

  void Respond(HttpAnswer answer) override {
    aborted_ = nullptr;
    if (auto* session = std::exchange(session_, nullptr)) session->Answer(std::move(answer));
  }

  void OnAborted(std::move_only_function<void()> aborted) override {
    if (session_ == nullptr) {
      // It is too late already; told from outside of this call, if still wanted by then.
      alive_ = std::make_shared<bool>(true);
      loop_.Post([alive = alive_, call = std::move(aborted)]() mutable {
        if (*alive) call();
      });
      return;
    }
    aborted_ = std::move(aborted);
    if (session_->connection_.peer_ended()) session_->connection_.Abort();
  }

  // The client has gone.
  void Abort() {
    session_ = nullptr;
    if (auto aborted = std::exchange(aborted_, nullptr)) aborted();
  }
  bool wants_abort() const { return aborted_ != nullptr; }

 private:
  HttpSession* session_;  // null once answered, or gone
  EventLoop& loop_;
  std::move_only_function<void()> aborted_;
  std::shared_ptr<bool> alive_;
};

HttpSession::HttpSession(Connection& connection) : connection_(connection) {}

HttpSession::~HttpSession() { HttpSession::OnClosed(); }

std::size_t HttpSession::OnInput(std::span<char> input) {
  std::size_t taken = 0;
  while (connection_.open() && ReadOn(input, taken)) {
  }
  return taken;
}

bool HttpSession::ReadOn(std::span<char> input, std::size_t& taken) {
  if (phase_ > Phase::kBody) return false;
  if (connection_.pending() > kMostPending) {
    connection_.NotifyDrained();
    return false;
  }
  if (phase_ == Phase::kIdle) {
    if (taken == input.size()) return false;
    const HttpServerOptions& options = connection_.core().options();
    head_only_ = false;
    reader_ = std::make_unique<HttpReader>(HttpLimits{options.max_head, options.max_headers});
    phase_ = Phase::kHead;
    connection_.WaitFor(Wait::kRequest);
  }
  std::size_t used = 0;
  const auto step = reader_->Read({input.data() + taken, input.size() - taken}, used);
  taken += used;
  switch (step) {
    case HttpReader::Step::kMore:
      if (phase_ == Phase::kBody && Announce()) OnPartOfBody(used > 0);
      return false;
    case HttpReader::Step::kHead: OnHead(); return true;
    case HttpReader::Step::kWhole: OnWhole(); return true;
    case HttpReader::Step::kRefused:
      if (phase_ == Phase::kHead || Announce()) Refuse(reader_->refusal());
      return false;
  }
  return false;
}

void HttpSession::OnHead() {
  ServerCore& core = connection_.core();
  const realtime::RequestHandler* handler = core.FindRoute(reader_->request().path);
  reader_->LimitBody(handler == nullptr ? kUnknownBody : handler->MaxMessage());
  phase_ = Phase::kBody;
  body_since_ = core.loop().Now();
  announced_ = false;
  connection_.WaitFor(Wait::kRequest);
}

bool HttpSession::Announce() {
  if (std::exchange(announced_, true)) return true;
  CompleteRequest();
  realtime::RequestHandler* handler = connection_.core().FindRoute(reader_->request().path);
  if (handler != nullptr) {
    auto pending = handler->OnHead(reader_->request());
    if (!pending) {
      keep_alive_ = false;  // its body is still to come
      Answer(std::move(pending.error()));
      return false;
    }
    pending_body_ = std::move(*pending);
  }
  const bool refused = reader_->refusal().status != 0;
  if (reader_->expects_continue() && !refused) connection_.Send(std::string("HTTP/1.1 100 Continue\r\n\r\n"));
  return true;
}

void HttpSession::OnPartOfBody(bool progress) {
  if (!progress) return;
  const HttpServerOptions& options = connection_.core().options();
  const auto allowed =
      options.request_timeout.count() +
      static_cast<Millis>(reader_->body_taken() * 1000 / std::max<std::size_t>(options.min_body_rate, 1));
  if (connection_.core().loop().Now() - body_since_ > allowed) {
    OnTimeout(Wait::kRequest);
  } else {
    connection_.WaitFor(Wait::kRequest);
  }
}

void HttpSession::OnWhole() {
  if (!announced_) CompleteRequest();
  ServerCore& core = connection_.core();
  ServerCore& owner = core.Resolve(reader_->request());
  if (&owner == &core) return Dispatch();
  phase_ = Phase::kMoving;
  connection_.WaitFor(Wait::kNothing);
  core.HandOver(connection_, owner);
}

void HttpSession::CompleteRequest() {
  ServerCore& core = connection_.core();
  HttpRequest& request = reader_->request();
  IpAddress client = connection_.client();
  request.secure = connection_.secure();
  if (core.trusted().Contains(client)) {
    std::string forwarded;
    for (const auto& [name, value] : request.headers) {
      if (name == "x-forwarded-for") forwarded.append(forwarded.empty() ? "" : ",").append(value);
    }
    client = ForwardedClient(client, forwarded, core.trusted());
    if (const auto scheme = request.Header("x-forwarded-proto"); !scheme.empty()) request.secure = scheme == "https";
  }
  request.remote_address = client.Text();
  request.address_group = client.LimitGroup().Text();
  request.id = core.NextRequestId();
  asked_ = std::make_unique<Asked>(request.id, request.method, request.path, request.remote_address, core.loop().Now());
}

void HttpSession::Dispatch() {
  ServerCore& core = connection_.core();
  core.stats().requests.Add();
  keep_alive_ = reader_->keep_alive();
  version_1_1_ = reader_->version_1_1();
  HttpRequest request = std::move(reader_->request());
  reader_.reset();
  head_only_ = request.method == "HEAD";
  pending_body_.reset();
  connection_.WaitFor(Wait::kNothing);
  phase_ = Phase::kAnswering;
  realtime::RequestHandler* handler = core.FindRoute(request.path);
  if (handler == nullptr) {
    HttpAnswer answer = ErrorAnswer(404, "not_found", "nothing is served on this path");
    answer.close = false;
    return Answer(std::move(answer));
  }
  if (AsksForWebSocket(request)) return Upgrade(request, *handler);
  auto exchange = std::make_unique<Exchange>(*this);
  exchange_ = exchange.get();
  core.stats().requests_in_flight.Add();
  handler->OnRequest(std::move(request), std::move(exchange));
}

void HttpSession::Upgrade(const HttpRequest& request, realtime::RequestHandler& handler) {
  ServerCore& core = connection_.core();
  const auto handshake = CheckHandshake(request, version_1_1_, core.options().deflate);
  if (!handshake) return Answer(handshake.error());
  const auto receiver = handler.OnUpgrade(request);
  if (!receiver) return Answer(receiver.error());
  phase_ = Phase::kDone;
  Log(101);
  connection_.Send(HandshakeAnswer(*handshake));
  auto session = std::make_unique<WebSocketSession>(
      connection_, **receiver,
      WebSocketLimits{.max_message = handler.MaxMessage(),
                      .max_fragments = static_cast<std::uint32_t>(core.options().max_fragments),
                      .deflate = handshake->deflate});
  WebSocketSession& opened = *session;
  connection_.Become(std::move(session));
  opened.Open();
}

void HttpSession::Refuse(const HttpRefusal& refusal) {
  BreakOff();
  connection_.core().stats().bad_requests.Add();
  keep_alive_ = false;
  Answer(ErrorAnswer(refusal.status, refusal.code, refusal.message));
}

void HttpSession::Answer(HttpAnswer answer) {
  ServerCore& core = connection_.core();
  if (std::exchange(exchange_, nullptr) != nullptr) core.stats().requests_in_flight.Subtract();
  if (!connection_.open()) return;
  Counter& counter = answer.status < 400   ? core.stats().answers_1xx_3xx
                     : answer.status < 500 ? core.stats().answers_4xx
                                           : core.stats().answers_5xx;
  counter.Add();
  if (asked_ != nullptr) {
    Log(answer.status);
    if (answer.status >= 400) answer.headers.emplace_back("X-Request-Id", std::move(asked_->id));
    asked_.reset();
  }
  const bool goes_on = keep_alive_ && !answer.close && !core.stopping() && !connection_.peer_ended();
  std::string head = AnswerHead(answer, {.date = core.Date(), .keep_alive = goes_on, .version_1_1 = version_1_1_});
  const bool with_body = !head_only_ && BodyAllowed(answer.status);
  if (with_body && answer.body.size() <= kJoinUpTo) head += answer.body;
  const bool joined = answer.body.size() <= kJoinUpTo;
  connection_.Send(std::move(head));
  if (with_body && !joined) connection_.Send(std::move(answer.body));
  reader_.reset();
  phase_ = goes_on ? Phase::kIdle : Phase::kDone;
  if (!goes_on) return connection_.CloseAfterFlush();
  connection_.WaitFor(Wait::kIdle);
  connection_.WakeAtTurnEnd();  // for the requests that came meanwhile
}

void HttpSession::Log(int status) const {
  if (!log::Enabled(log::Level::kDebug)) return;
  log::Debug("request", {{"request", asked_->id},
                         {"method", asked_->method},
                         {"path", asked_->path},
                         {"address", asked_->address},
                         {"status", status},
                         {"ms", connection_.core().loop().Now() - asked_->since}});
}

void HttpSession::OnDropped() {
  asked_.reset();
  exchange_ = nullptr;
  connection_.core().stats().requests_in_flight.Subtract();
  connection_.Abort();
}

void HttpSession::OnEnd() {
  if (phase_ == Phase::kAnswering) {
    if (exchange_ != nullptr && exchange_->wants_abort()) connection_.Abort();
  } else if (phase_ != Phase::kMoving) {
    if (connection_.pending() > 0) {
      connection_.CloseAfterFlush();
    } else {
      connection_.Abort();
    }
  }
}

void HttpSession::OnDrained() { connection_.WakeAtTurnEnd(); }

void HttpSession::OnMoved() { Dispatch(); }

bool HttpSession::OnTimeout(Wait wait) {
  if (wait != Wait::kRequest || phase_ == Phase::kIdle) return false;
  keep_alive_ = false;
  BreakOff();
  Answer(ErrorAnswer(408, "timeout", "the request did not come in time"));
  return true;
}

void HttpSession::OnStop() {
  if (phase_ != Phase::kIdle) return;
  if (connection_.pending() > 0) {
    connection_.CloseAfterFlush();
  } else {
    connection_.Abort();
  }
}

void HttpSession::BreakOff() {
  if (const auto pending = std::move(pending_body_)) pending->OnBrokenOff();
}

void HttpSession::OnClosed() {
  BreakOff();
  if (auto* exchange = std::exchange(exchange_, nullptr)) {
    connection_.core().stats().requests_in_flight.Subtract();
    exchange->Abort();
  }
}

}  // namespace tidings::net
