#include "webhook_api.hpp"

#include <tidings/base/bytes.hpp>
#include <tidings/base/json_mending.hpp>

namespace tidings::app {
namespace {

constexpr std::uint64_t kLimit = 50;
constexpr std::uint64_t kMostLimit = 200;

}  // namespace

void WebhookApi::Answer(net::HttpCall call, Asked ask, int status) {
  net::ReadThen<std::string>(
      services_, [this, ask = std::move(ask)](chat::Reader&) { return ask(webhooks_); },
      [call = std::move(call), status](Result<std::string> data) mutable { call.Answer(std::move(data), status); });
}

void WebhookApi::AnswerBody(net::HttpCall call, std::function<Result<std::string>(Webhooks&, const json::object&)> ask,
                            int status) {
  std::string_view text = call.request.body;
  std::string mended;
  auto body = json::ParseMending(text, mended);
  if (!body) return call.Refuse(body.error());
  if (!body->is_object()) return call.Refuse(Error(ErrorCode::kInvalid, "the body must be an object"));
  Answer(
      std::move(call),
      [ask = std::move(ask), object = std::move(body->get_object())](Webhooks& webhooks) {
        return ask(webhooks, object);
      },
      status);
}

void WebhookApi::AddTo(net::HttpApi& api) {
  api.AddAdminCall("GET", {"admin", "webhooks"}, [this](net::HttpCall call) {
    net::ReadThen<std::string>(
        services_, [this](chat::Reader&) { return webhooks_.List(); },
        [call = std::move(call)](Result<std::string> data) mutable {
          data ? call.SucceedList(*data, "") : call.Refuse(data.error());
        });
  });
  api.AddAdminCall("POST", {"admin", "webhooks"}, [this](net::HttpCall call) {
    AnswerBody(
        std::move(call), [](Webhooks& webhooks, const json::object& body) { return webhooks.Create(body); }, 201);
  });
  api.AddAdminCall("GET", {"admin", "webhooks", "{}"}, [this](net::HttpCall call) {
    const std::string id = call.path[2];
    Answer(std::move(call), [id](Webhooks& webhooks) { return webhooks.Get(id); });
  });
  api.AddAdminCall("PATCH", {"admin", "webhooks", "{}"}, [this](net::HttpCall call) {
    const std::string id = call.path[2];
    AnswerBody(
        std::move(call), [id](Webhooks& webhooks, const json::object& body) { return webhooks.Change(id, body); }, 200);
  });
  api.AddAdminCall("DELETE", {"admin", "webhooks", "{}"}, [this](net::HttpCall call) {
    const std::string id = call.path[2];
    Answer(std::move(call), [id](Webhooks& webhooks) { return webhooks.Remove(id); });
  });
  api.AddAdminCall("POST", {"admin", "webhooks", "{}", "secret"}, [this](net::HttpCall call) {
    const std::string id = call.path[2];
    Answer(std::move(call), [id](Webhooks& webhooks) { return webhooks.Rotate(id); });
  });
  api.AddAdminCall("POST", {"admin", "webhooks", "{}", "replay"}, [this](net::HttpCall call) {
    const std::string id = call.path[2];
    Answer(std::move(call), [id](Webhooks& webhooks) { return webhooks.Replay(id); });
  });
  api.AddAdminCall("GET", {"admin", "webhooks", "{}", "dead"}, [this](net::HttpCall call) {
    const std::string id = call.path[2];
    const std::string_view asked = call.request.Query("limit");
    const auto limit = asked.empty() ? kLimit : ParseWhole(asked).value_or(0);
    if (limit == 0 || limit > kMostLimit) {
      return call.Refuse(Error(ErrorCode::kInvalid, "\"limit\" must be 1 to 200"));
    }
    net::ReadThen<std::string>(
        services_, [this, id, limit](chat::Reader&) { return webhooks_.Dead(id, limit); },
        [call = std::move(call)](Result<std::string> data) mutable {
          data ? call.SucceedList(*data, "") : call.Refuse(data.error());
        });
  });
}

}  // namespace tidings::app
