#include <tidings/net/chat/http_api.hpp>

#include <algorithm>

#include <tidings/base/log.hpp>
#include <tidings/chat/trace_parent.hpp>

#include "http_query.hpp"
#include "password_thread.hpp"

namespace tidings::net {

namespace {

realtime::HttpAnswer Json(int status, std::string body) {
  return realtime::HttpAnswer(status, "application/json; charset=utf-8", std::move(body));
}

constexpr std::string_view kPrefix[] = {"api", "v1"};

// The caller with the trace that the request names. What names two, or none in good form, counts as having none (W3C Trace
// Context, §3.2).
std::shared_ptr<const chat::Caller> Traced(std::shared_ptr<const chat::Caller> caller,
                                           const realtime::HttpRequest& request) {
  static constexpr std::string_view kHeader = "traceparent";
  const std::string_view trace = request.Header(kHeader);
  if (!chat::IsTraceParent(trace)) return caller;
  const auto is_trace = [](const auto& header) { return header.first == kHeader; };
  if (std::ranges::count_if(request.headers, is_trace) != 1) return caller;
  auto traced = std::make_shared<chat::Caller>(*caller);
  traced->trace_parent = trace;
  return traced;
}

}  // namespace

// CORS (the Fetch standard): whose origin may read the answer.
class OriginExchange final : public realtime::HttpExchange {
 public:
  OriginExchange(std::unique_ptr<realtime::HttpExchange> inner, std::string origin)
      : inner_(std::move(inner)), origin_(std::move(origin)) {}
  void Respond(realtime::HttpAnswer answer) override {
    answer.headers.emplace_back("Access-Control-Allow-Origin", origin_);
    if (origin_ != "*") answer.headers.emplace_back("Vary", "Origin");
    answer.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After, X-Request-Id");
    inner_->Respond(std::move(answer));
  }
  void OnAborted(std::move_only_function<void()> aborted) override { inner_->OnAborted(std::move(aborted)); }

 private:
  std::unique_ptr<realtime::HttpExchange> inner_;
  std::string origin_;
};

void HttpCall::Succeed(std::string_view data, int status) { exchange->Respond(Json(status, SuccessBody(data))); }

void HttpCall::SucceedList(std::string_view data, std::string_view next) {
  std::string body = SuccessBody(data);
  body.pop_back();
  body += ",\"next\":";
  body += next.empty() ? std::string("null") : json::Quote(next);
  body += '}';
  exchange->Respond(Json(200, std::move(body)));
}

void HttpCall::Refuse(const Error& error) {
  if (error.code() == ErrorCode::kInternal) {
    log::Err("request_failed", {{"request", request.id}, {"path", request.path}, {"reason", error.message()}});
  }
  realtime::HttpAnswer answer = Json(HttpStatus(error.code()), ErrorBody(error));
  if (error.code() == ErrorCode::kRateLimited) answer.headers.emplace_back("Retry-After", RetryAfterSeconds(error));
  if (error.code() == ErrorCode::kUnauthorized) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  exchange->Respond(std::move(answer));
}

void HttpCall::Answer(Result<std::string> data, int status) {
  if (data) {
    Succeed(*data, status);
  } else {
    Refuse(data.error());
  }
}

HttpApi::HttpApi(ChatServices& services, Gate& gate)
    : services_(services), gate_(gate), passwords_(std::make_unique<PasswordThread>()) {
  routes_ = {
      {"POST", {"auth", "register"}, &HttpApi::Register, false, {}},
      {"POST", {"auth", "login"}, &HttpApi::Login, false, {}},
      {"GET", {"me"}, &HttpApi::Me, false, {}},
      {"GET", {"users"}, &HttpApi::ListUsers, false, {}},
      {"GET", {"users", "{}"}, &HttpApi::GetUser, false, {}},
      {"POST", {"rooms"}, &HttpApi::CreateRoom, true, {}},
      {"GET", {"rooms"}, &HttpApi::ListRooms, false, {}},
      {"GET", {"rooms", "{}"}, &HttpApi::GetRoom, false, {}},
      {"PATCH", {"rooms", "{}"}, &HttpApi::PatchRoom, true, {}},
      {"DELETE", {"rooms", "{}"}, &HttpApi::DeleteRoom, true, {}},
      {"GET", {"rooms", "{}", "members"}, &HttpApi::ListMembers, false, {}},
      {"POST", {"rooms", "{}", "members"}, &HttpApi::AddMembers, true, {}},
      {"PATCH", {"rooms", "{}", "members", "{}"}, &HttpApi::PatchMember, true, {}},
      {"DELETE", {"rooms", "{}", "members", "{}"}, &HttpApi::RemoveMember, true, {}},
      {"PUT", {"rooms", "{}", "read"}, &HttpApi::PutRead, false, {}},
      {"GET", {"rooms", "{}", "events"}, &HttpApi::ListEvents, false, {}},
      {"POST", {"rooms", "{}", "messages"}, &HttpApi::CreateMessage, true, {}},
      {"GET", {"rooms", "{}", "messages"}, &HttpApi::ListMessages, false, {}},
      {"GET", {"rooms", "{}", "messages", "{}"}, &HttpApi::GetMessage, false, {}},
      {"PATCH", {"rooms", "{}", "messages", "{}"}, &HttpApi::EditMessage, true, {}},
      {"DELETE", {"rooms", "{}", "messages", "{}"}, &HttpApi::DeleteMessage, true, {}},
      {"GET", {"rooms", "{}", "messages", "{}", "thread"}, &HttpApi::GetThread, false, {}},
      {"GET", {"rooms", "{}", "messages", "{}", "seen"}, &HttpApi::GetSeen, false, {}},
      {"PUT", {"rooms", "{}", "messages", "{}", "reactions", "{}"}, &HttpApi::PutReaction, true, {}},
      {"DELETE", {"rooms", "{}", "messages", "{}", "reactions", "{}"}, &HttpApi::DeleteReaction, true, {}},
      {"POST", {"admin", "users"}, &HttpApi::AddUser, false, {}},
      {"POST", {"admin", "users", "{}", "suspend"}, &HttpApi::Suspend, false, {}},
      {"POST", {"admin", "users", "{}", "restore"}, &HttpApi::Restore, false, {}},
  };
}

HttpApi::~HttpApi() = default;

void HttpApi::AddAdminCall(std::string_view method, std::vector<std::string_view> pattern,
                           std::function<void(HttpCall)> handler) {
  routes_.push_back({method, std::move(pattern), nullptr, false, std::move(handler)});
}

const HttpApi::RouteEntry* HttpApi::Find(std::string_view method, const std::vector<std::string>& path,
                                         std::string& allowed) const {
  for (const RouteEntry& route : routes_) {
    if (route.pattern.size() != path.size()) continue;
    bool fits = true;
    for (std::size_t i = 0; fits && i < path.size(); ++i) {
      fits = route.pattern[i] == "{}" ? !path[i].empty() : route.pattern[i] == path[i];
    }
    if (!fits) continue;
    if (route.method == method || (method == "HEAD" && route.method == "GET")) return &route;
    allowed += allowed.empty() ? "" : ", ";
    allowed += route.method;
  }
  return nullptr;
}

void HttpApi::OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) {
  const std::string_view origin = request.Header("origin");
  if (!origin.empty()) {
    for (const std::string& allowed : services_.settings.origins) {
      if (allowed != "*" && allowed != origin) continue;
      exchange = std::make_unique<OriginExchange>(std::move(exchange), allowed);
      break;
    }
  }
  if (request.method == "OPTIONS") {
    realtime::HttpAnswer preflight(204, "", "");
    preflight.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
    preflight.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, traceparent");
    preflight.headers.emplace_back("Access-Control-Max-Age", "600");
    return exchange->Respond(std::move(preflight));
  }
  HttpCall call{std::move(request), std::move(exchange), nullptr, {}};
  call.path = std::move(call.request.segments);
  const auto rest = std::ranges::mismatch(call.path, kPrefix);
  const bool prefixed = rest.in2 == std::end(kPrefix);
  if (prefixed) call.path.erase(call.path.begin(), rest.in1);
  if (!call.path.empty() && call.path.back().empty()) call.path.pop_back();
  std::string allowed;
  const RouteEntry* route = Find(call.request.method, call.path, allowed);
  if (!prefixed && (route == nullptr || route->handler != &HttpApi::CreateMessage)) route = nullptr, allowed.clear();
  if (route == nullptr) {
    if (allowed.empty()) return call.Refuse(Error(ErrorCode::kNotFound, "there is no such call; see /docs"));
    const Error error(ErrorCode::kMethodNotAllowed, "this path takes " + allowed);
    realtime::HttpAnswer answer = Json(HttpStatus(error.code()), ErrorBody(error));
    answer.headers.emplace_back("Allow", allowed);
    return call.exchange->Respond(std::move(answer));
  }
  Dispatch(std::move(call), *route);
}

void HttpApi::Dispatch(HttpCall call, const RouteEntry& route) {
  const std::string& address = call.request.address_group;
  const bool open = route.handler == &HttpApi::Register || route.handler == &HttpApi::Login;
  if (const Status allowed = open ? gate_.AllowLogin(address) : gate_.AllowAddress(address); !allowed) {
    return call.Refuse(allowed.error());
  }
  if (open) return (this->*route.handler)(std::move(call));
  const std::string header(call.request.Header("authorization"));
  const bool bearer = header.size() > 7 && (header.starts_with("Bearer ") || header.starts_with("bearer "));
  if (!bearer) {
    return call.Refuse(Error(ErrorCode::kUnauthorized, "show a token: Authorization: Bearer <jwt>"));
  }
  gate_.Admit(std::string_view(header).substr(7),
              [this, call = std::move(call), &route](Result<Gate::Admitted> admitted) mutable {
                if (!admitted) return call.Refuse(admitted.error());
                call.caller = Traced(std::move(admitted->caller), call.request);
                const Status allowed = route.change ? gate_.AllowSend(*call.caller, call.request.address_group)
                                                    : gate_.AllowRequest(*call.caller);
                if (!allowed) return call.Refuse(allowed.error());
                if (route.above) {
                  if (call.caller->admin) return route.above(std::move(call));
                  return call.Refuse(Error(ErrorCode::kForbidden, "this needs a token with the scope admin"));
                }
                (this->*route.handler)(std::move(call));
              });
}

chat::Answer<std::string> HttpApi::Answering(HttpCall call, bool send) {
  return OnLoop<std::string>(
      services_.loop, [&stats = services_.stats, call = std::move(call), send](Result<std::string> data) mutable {
        if (!data) {
          stats.refused.fetch_add(1, std::memory_order_relaxed);
        } else if (send) {
          stats.sends.fetch_add(1, std::memory_order_relaxed);
        }
        call.Answer(std::move(data));
      });
}

void HttpApi::AnswerRead(HttpCall call, std::move_only_function<Result<std::string>(chat::Reader&)> read) {
  ReadThen<std::string>(services_, std::move(read),
                        [call = std::move(call)](Result<std::string> data) mutable { call.Answer(std::move(data)); });
}

}  // namespace tidings::net
