// WebhookKind: the worker that tells the endpoints of others what happened, by HTTP, signed, in order for each endpoint.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <tidings/net/http_client.hpp>

#include "webhook/endpoint.hpp"
#include "worker_kind.hpp"

namespace tidings::app {

class WebhookOptions {
 public:
  WebhookOptions() = default;
  std::filesystem::path data;
  bool private_addresses = false;
  std::chrono::milliseconds timeout{15'000};
  // Pauses between the tries of one delivery; dead when they are over. The endpoint's next one begins with the longest that
  // it has come to. Each is longer by up to a tenth, at random.
  std::vector<std::chrono::milliseconds> retry;
  // An endpoint that has failed for so long is disabled.
  std::chrono::milliseconds disable_after = std::chrono::days(5);

  // The schedule that Standard Webhooks recommends: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
  static std::vector<std::chrono::milliseconds> RecommendedRetry();
};

class WebhookKind final : public WorkerKind {
 public:
  explicit WebhookKind(WebhookOptions options);
  ~WebhookKind() override;

  std::string_view name() const override { return "webhook"; }
  std::vector<std::string> patterns() const override { return {"#"}; }
  std::string_view schema() const override;
  bool by_number() const override { return true; }
  // A piece for each lane that has endpoints, with the request's body and those of them that want the event; empty where none
  // does. Its key is the room, and the lane's oldest endpoint: a lane that had none for a while begins anew with the numbers.
  // kUnavailable: the endpoints could not be read yet.
  Result<std::vector<LanePiece>> Split(const messaging::Message& event, std::size_t lanes) override;
  std::unique_ptr<LaneJob> MakeJob(LaneGround ground) override;

 private:
  const WebhookOptions options_;
  WebhookWatch watch_;
  net::HttpClient client_;
};

}  // namespace tidings::app
