#include <tidings/app/web.hpp>

#include <algorithm>

#include "asset.hpp"

namespace tidings::app {

namespace {

realtime::HttpAnswer NotFound() {
  return realtime::HttpAnswer(
      404, "application/json; charset=utf-8",
      R"({"status":"error","error":{"code":"not_found","message":"nothing is served on this path"}})");
}

}  // namespace

void WebHandler::OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) {
  const auto assets = Assets();
  const auto asset = std::ranges::find(assets, std::string_view(request.path), &Asset::path);
  if (asset == assets.end()) return exchange->Respond(NotFound());
  if (request.method != "GET" && request.method != "HEAD") {
    realtime::HttpAnswer refusal(405, "text/plain; charset=utf-8", "only GET and HEAD are answered here\n");
    refusal.headers.emplace_back("Allow", "GET, HEAD");
    return exchange->Respond(std::move(refusal));
  }
  realtime::HttpAnswer answer(200, std::string(asset->content_type), std::string(asset->content));
  answer.headers.emplace_back("Content-Security-Policy",
                              "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
  answer.headers.emplace_back("X-Content-Type-Options", "nosniff");
  answer.headers.emplace_back("Referrer-Policy", "no-referrer");
  answer.headers.emplace_back("Cache-Control", "no-cache");
  exchange->Respond(std::move(answer));
}

std::expected<realtime::WebSocketReceiver*, realtime::HttpAnswer> WebHandler::OnUpgrade(
    const realtime::HttpRequest& request) {
  (void)request;
  return std::unexpected(NotFound());
}

}  // namespace tidings::app
