// WebHandler: the page at /, /docs and the documents beside them.
//
//   WebHandler web;
//   http.Route("/", web);   // the shortest prefix: other routes go before it
#pragma once

#include <memory>

#include <tidings/realtime/link.hpp>

namespace tidings::app {

// Answers GET and HEAD for exactly the paths that it has; 404 for all others. Holds nothing; needs no token.
class WebHandler final : public realtime::RequestHandler {
 public:
  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override;
  std::expected<realtime::WebSocketReceiver*, realtime::HttpAnswer> OnUpgrade(
      const realtime::HttpRequest& request) override;
};

}  // namespace tidings::app
