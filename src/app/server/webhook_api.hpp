// WebhookApi: the administrators' HTTP calls for webhooks.
#pragma once

#include <functional>
#include <string>

#include <tidings/app/config.hpp>
#include <tidings/app/webhooks.hpp>
#include <tidings/net/chat/http_api.hpp>

namespace tidings::app {

// Loop's thread only; what is read and written of the disk, on the reading threads.
class WebhookApi {
 public:
  // REQUIRES: the services outlive it.
  WebhookApi(const Config& config, net::ChatServices& services)
      : services_(services), webhooks_(config.data, services.clock, config.webhook.private_addresses) {}
  // Adds its calls. REQUIRES: it outlives the api's requests.
  void AddTo(net::HttpApi& api);

 private:
  using Asked = std::function<Result<std::string>(Webhooks&)>;
  void Answer(net::HttpCall call, Asked ask, int status = 200);
  void AnswerBody(net::HttpCall call, std::function<Result<std::string>(Webhooks&, const json::object&)> ask,
                  int status);

  net::ChatServices& services_;
  Webhooks webhooks_;
};

}  // namespace tidings::app
