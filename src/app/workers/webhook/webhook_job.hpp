// WebhookJob: one lane's deliveries. What comes is noted in the lane's file, and each endpoint is served from there by a
// coroutine of its own: one request at a time, in order, for as long as it takes.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http_questions.hpp"
#include "webhook/delivery_rows.hpp"
#include "webhook/webhook_kind.hpp"

namespace tidings::app {

// On a piece: the id of its event, which is the webhook-id.
inline constexpr std::string_view kWebhookEventHeader = "tidings-event";

// A piece's body: the ids of the endpoints, separated by spaces, a line end, and what is sent to them.
std::string WebhookPieceBody(const std::vector<std::string_view>& endpoints, std::string_view payload);

class WebhookJob final : public LaneJob {
 public:
  // REQUIRES: watch and client outlive it.
  WebhookJob(const WebhookOptions& options, WebhookWatch& watch, net::HttpClient& client, LaneGround ground);

  Status Handle(const messaging::Message& piece, LaneUnit& unit) override;
  void Begin() override;
  // Lets the requests under way finish, within the deadline; one that does not is made again by whoever has the lane next.
  messaging::Task<void> End(std::chrono::milliseconds deadline) override;

 private:
  // An endpoint that has or had something to deliver.
  class Serving {
   public:
    explicit Serving(const messaging::Executor& executor) : more(executor) {}
    messaging::Signal more;
  };

  void Serve(const std::string& endpoint);
  messaging::Task<void> Deliver(std::string endpoint, std::shared_ptr<Serving> serving);
  // False: there is nothing to do until something changes, or for `wait` at most.
  messaging::Task<bool> Step(const std::string& endpoint, std::optional<std::chrono::milliseconds>& wait);
  std::chrono::milliseconds LongestPause() const;
  messaging::Task<bool> Follow(const WebhookEndpoint& endpoint, const WebhookState& state);
  messaging::Task<net::HttpReply> Post(const WebhookEndpoint& endpoint, const WebhookDelivery& delivery);
  messaging::Task<bool> Settle(const std::string& endpoint, const WebhookState& state, const WebhookDelivery& delivery,
                               const net::HttpReply& reply);
  messaging::Task<void> Watch();
  WebhookRows& rows() { return ground_.store.database().Slot<WebhookRows>(); }
  // Whether it was committed. What is not is tried again after a pause.
  messaging::Task<bool> Write(LaneStore::Effect effect);

  const WebhookOptions& options_;
  WebhookWatch& watch_;
  LaneGround ground_;
  HttpQuestions questions_;
  std::map<std::string, std::shared_ptr<Serving>> served_;
  messaging::Signal ended_;
  std::size_t running_ = 0;  // coroutines
  bool begun_ = false;
  bool stopping_ = false;
};

}  // namespace tidings::app
