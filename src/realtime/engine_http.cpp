// The HTTP side of the Engine.IO server: handshakes, polls, posts and CORS.
#include <algorithm>
#include <utility>

#include <tidings/base/json.hpp>

#include "transport.hpp"

namespace tidings::realtime {

namespace {

// The error codes of Engine.IO's own server, in its order.
enum RefusalCode { kUnknownTransport, kUnknownSession, kBadMethod, kBadRequest, kForbidden, kUnsupportedVersion };
constexpr std::string_view kRefusals[] = {
    R"({"code":0,"message":"Transport unknown"})",
    R"({"code":1,"message":"Session ID unknown"})",
    R"({"code":2,"message":"Bad handshake method"})",
    R"({"code":3,"message":"Bad request"})",
    R"({"code":4,"message":"Forbidden"})",
    R"({"code":5,"message":"Unsupported protocol version"})",
};

bool Allows(const CorsOptions& cors, std::string_view origin) {
  return std::ranges::any_of(cors.origins, [&](const std::string& one) { return one == "*" || one == origin; });
}

}  // namespace

std::string EngineServer::OpenPacket(const EngineSession& session) const {
  std::string packet = "0";
  json::ObjectWriter(packet)
      .Text("sid", session.id())
      .Raw("upgrades", session.websocket() || !options_.websocket ? "[]" : R"(["websocket"])")
      .Number("pingInterval", static_cast<std::uint64_t>(options_.ping_interval))
      .Number("pingTimeout", static_cast<std::uint64_t>(options_.ping_timeout))
      .Number("maxPayload", options_.max_payload)
      .End();
  return packet;
}

HttpAnswer EngineServer::Answer(const HttpRequest& request, int status, std::string body) const {
  HttpAnswer answer(status, "text/plain; charset=UTF-8", std::move(body));
  answer.headers.emplace_back("Cache-Control", "no-store");
  const std::string_view origin = request.Header("origin");
  const CorsOptions& cors = options_.cors;
  if (cors.origins.empty()) return answer;
  const bool any = !cors.credentials && Allows(cors, "*");
  if (!any) answer.headers.emplace_back("Vary", "Origin");
  if (origin.empty() || !Allows(cors, origin)) return answer;
  answer.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : origin);
  if (cors.credentials) answer.headers.emplace_back("Access-Control-Allow-Credentials", "true");
  return answer;
}

HttpAnswer EngineServer::Refusal(const HttpRequest& request, int code) const {
  HttpAnswer answer = Answer(request, code == kForbidden ? 403 : 400, std::string(kRefusals[code]));
  answer.content_type = "application/json";
  return answer;
}

HttpAnswer EngineServer::Preflight(const HttpRequest& request) const {
  if (options_.cors.origins.empty()) return Refusal(request, kBadMethod);
  HttpAnswer answer = Answer(request, 204, {});
  answer.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST");
  const std::string_view asked = request.Header("access-control-request-headers");
  if (!asked.empty()) answer.headers.emplace_back("Access-Control-Allow-Headers", asked);
  answer.headers.emplace_back("Access-Control-Max-Age", "86400");
  return answer;
}

std::optional<HttpAnswer> EngineServer::CheckHandshake(const HttpRequest& request) {
  if (request.Query("EIO") != "4") return Refusal(request, kUnsupportedVersion);
  if (auto refused = handler_.OnHandshake(request)) return refused;
  if (refusing_ || sessions_.size() >= options_.max_sessions) return Busy(request, 503);
  return std::nullopt;
}

HttpAnswer EngineServer::Busy(const HttpRequest& request, int status) const {
  HttpAnswer answer = Answer(request, status, "no new sessions are taken just now\n");
  answer.headers.emplace_back("Retry-After", "1");
  answer.close = true;
  return answer;
}

std::expected<WebSocketReceiver*, HttpAnswer> EngineServer::OnUpgrade(const HttpRequest& request) {
  const Batch batch(*this);
  if (!options_.websocket || request.Query("transport") != "websocket") {
    return std::unexpected(Refusal(request, kUnknownTransport));
  }
  const std::string_view sid = request.Query("sid");
  if (sid.empty()) {
    if (auto refused = CheckHandshake(request)) {
      ++stats_.refused;
      return std::unexpected(std::move(*refused));
    }
    return new WebSocketTransport(*this, std::make_shared<const HttpRequest>(request));
  }
  if (request.Query("EIO") != "4") return std::unexpected(Refusal(request, kUnsupportedVersion));
  EngineSession* session = Find(sid);
  if (session == nullptr) return std::unexpected(Refusal(request, kUnknownSession));
  // A second WebSocket for a session is opened and closed at once, as clients expect, and harms nobody.
  const bool free = session->open() && session->polling_ != nullptr && session->polling_->probe == nullptr;
  return new WebSocketTransport(*this, free ? session : nullptr);
}

// Shows that a body for this session is on its way, so that a second one is found out.
class EngineServer::PendingPost final : public PendingBody {
 public:
  PendingPost(EngineServer& server, EngineSession& session) : server_(server), id_(session.id()) {
    ++session.polling_->posts;
  }
  ~PendingPost() override {
    EngineSession* session = server_.Find(id_);
    if (session != nullptr && session->polling_ != nullptr) --session->polling_->posts;
  }

  // What was in it is lost, so the session is.
  void OnBrokenOff() override {
    const Batch batch(server_);
    if (EngineSession* session = server_.Find(id_)) server_.End(*session, CloseReason::kTransportError, 0, "1");
  }

 private:
  EngineServer& server_;
  std::string id_;
};

std::expected<std::unique_ptr<PendingBody>, HttpAnswer> EngineServer::OnHead(const HttpRequest& head) {
  const Batch batch(*this);
  if (head.method != "POST" || head.Query("transport") != "polling") return nullptr;
  EngineSession* session = Find(head.Query("sid"));
  if (session == nullptr || !session->open() || session->polling_ == nullptr) return nullptr;
  if (session->polling_->posts == 0) return std::make_unique<PendingPost>(*this, *session);
  End(*session, CloseReason::kTransportError, 0, "1");
  return std::unexpected(Refusal(head, kBadRequest));
}

void EngineServer::OnRequest(HttpRequest request, std::unique_ptr<HttpExchange> exchange) {
  const Batch batch(*this);
  if (request.method == "OPTIONS") return exchange->Respond(Preflight(request));
  const std::string_view transport = request.Query("transport");
  if (!(transport == "polling" && options_.polling) && !(transport == "websocket" && options_.websocket)) {
    return exchange->Respond(Refusal(request, kUnknownTransport));
  }
  const std::string_view sid = request.Query("sid");
  if (sid.empty()) return Handshake(std::move(request), *exchange);

  EngineSession* session = Find(sid);
  if (session != nullptr && session->awaits_pong_ && session->open() &&
      session->heartbeat_.deadline() <= clock_.Steady()) {
    // The wheel is coarse; a session that is over must not be served in the meantime.
    End(*session, CloseReason::kPingTimeout, 0, "1");
    session = nullptr;
  }
  if (session == nullptr) return exchange->Respond(Refusal(request, kUnknownSession));
  if (transport != "polling" || session->polling_ == nullptr || request.Query("EIO") != "4") {
    return exchange->Respond(Refusal(request, kBadRequest));
  }
  if (request.method == "GET") return Poll(*session, request, std::move(exchange));
  if (request.method == "POST" && session->open()) return Post(*session, request, *exchange);
  exchange->Respond(Refusal(request, kBadRequest));
}

void EngineServer::Handshake(HttpRequest request, HttpExchange& exchange) {
  if (request.method != "GET") return exchange.Respond(Refusal(request, kBadMethod));
  if (request.Query("transport") != "polling") return exchange.Respond(Refusal(request, kBadRequest));
  auto refused = CheckHandshake(request);
  if (!refused) {
    const auto known = polling_by_address_.find(request.address_group);
    if (known != polling_by_address_.end() && known->second >= options_.max_polling_per_address) {
      refused = Busy(request, 429);
    }
  }
  if (refused) {
    ++stats_.refused;
    return exchange.Respond(std::move(*refused));
  }
  EngineSession& session = Open();
  session.polling_ = std::make_unique<PollingTransport>(*this, request.address_group);
  HttpAnswer answer = Answer(request, 200, OpenPacket(session));
  request.body.clear();
  handler_.OnOpened(session, std::make_shared<const HttpRequest>(std::move(request)));
  exchange.Respond(std::move(answer));
}

void EngineServer::Poll(EngineSession& session, const HttpRequest& request, std::unique_ptr<HttpExchange> exchange) {
  PollingTransport& polling = *session.polling_;
  if (polling.waiting()) {
    End(session, CloseReason::kTransportError, 0, "1");
    return exchange->Respond(Refusal(request, kBadRequest));
  }
  exchange->OnAborted([this, id = std::string(session.id())] {
    const Batch batch(*this);
    EngineSession* found = Find(id);
    if (found == nullptr || found->polling_ == nullptr) return;
    found->polling_->Forget();
    End(*found, CloseReason::kTransportError, 0, {});
  });
  polling.Wait(std::move(exchange), Answer(request, 200, {}));
  if (!polling.empty() || polling.probed) session.Unsettle();
}

void EngineServer::Post(EngineSession& session, const HttpRequest& request, HttpExchange& exchange) {
  bool good = request.body.size() <= options_.max_payload && IsUtf8(request.body) && session.polling_->posts == 0;
  bool said_close = false;
  if (good) {
    PayloadReader reader(request.body);
    while (session.open()) {
      const auto packet = reader.Next();
      if (!packet) break;
      said_close = packet->type == EngineType::kClose;
      OnPacket(session, *packet);
    }
    good = !reader.failed();
  }
  if (!good) End(session, CloseReason::kParseError, 0, "1");
  const bool fine = session.open() || said_close;
  exchange.Respond(fine ? Answer(request, 200, "ok") : Refusal(request, kBadRequest));
}

}  // namespace tidings::realtime
