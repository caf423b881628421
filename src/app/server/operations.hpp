// Operations: /healthz, /readyz and /metrics.
#pragma once

#include <functional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/realtime/link.hpp>

namespace tidings::app {

// Answers one path with what `answer` makes of it; GET and HEAD only.
class SimpleHandler final : public realtime::RequestHandler {
 public:
  using Answer = std::move_only_function<realtime::HttpAnswer(const realtime::HttpRequest&)>;
  explicit SimpleHandler(Answer answer) : answer_(std::move(answer)) {}

  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override {
    if (request.method != "GET" && request.method != "HEAD") {
      realtime::HttpAnswer refusal(405, "text/plain; charset=utf-8", "only GET and HEAD are answered here\n");
      refusal.headers.emplace_back("Allow", "GET, HEAD");
      return exchange->Respond(std::move(refusal));
    }
    exchange->Respond(answer_(request));
  }

 private:
  Answer answer_;
};

}  // namespace tidings::app
