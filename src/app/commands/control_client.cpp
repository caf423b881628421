#include "control_client.hpp"

#include <thread>

#include <tidings/app/server.hpp>
#include <tidings/auth/jwt.hpp>
#include <tidings/base/clock.hpp>

#include "loopback.hpp"

namespace tidings::app {

namespace {

constexpr std::chrono::milliseconds kBetween{100};
constexpr int kTries = 50;  // of kBetween, for a server that is just starting

Result<std::string> TokenOf(const std::string& data) {
  auto secret = DataSecret(data);
  if (!secret) return std::unexpected(secret.error());
  auto keys = auth::KeySet::Make({.secret = {}, .jwks_file = {}, .internal_secret = *secret});
  if (!keys) return std::unexpected(keys.error());
  auth::Grant grant;
  grant.sub = kControlSubject;
  grant.admin = true;
  return (*keys)->Sign(grant, SystemClock().Now(), auth::Signer::kInternal);
}

}  // namespace

Result<ControlClient> ControlClient::Find(const std::string& data, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  auto token = TokenOf(data);
  if (!token) return std::unexpected(token.error());
  for (int tries = 0;; ++tries) {
    if (const auto file = ReadControlFile(data)) {
      ControlClient client(data, *file, *token);
      const auto known = client.Ask("GET", "/control/backup", "", until);
      if (known) return client;
      if (known.error().code() == ErrorCode::kTimeout) return std::unexpected(known.error());
      if (known.error().code() != ErrorCode::kUnavailable || tries >= kTries) {
        return std::unexpected(known.error().Within("the server of " + data));
      }
    } else if (tries >= kTries) {
      return Fail(ErrorCode::kUnavailable, "another process holds " + data +
                                               ", and it is no server that takes commands; wait for it, or stop it");
    }
    std::this_thread::sleep_for(kBetween);
  }
}

Result<json::object> ControlClient::Ask(std::string_view method, const std::string& path, const std::string& body,
                                        std::chrono::steady_clock::time_point until) {
  std::string request(method);
  request +=
      " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer " + token_ + "\r\n";
  if (!body.empty()) {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  request += "\r\n" + body;
  const auto answer = AskLoopback(file_.port, request, until);
  if (!answer && answer.error().code() == ErrorCode::kTimeout) {
    return Fail(ErrorCode::kTimeout, "a server (pid " + std::to_string(file_.pid) + ") holds " + data_ +
                                         " and does not answer; see what keeps it, or stop it");
  }
  if (!answer) return std::unexpected(answer.error());
  auto parsed = json::Parse(answer->body);
  if (!parsed || !parsed->is_object()) return Fail(ErrorCode::kInternal, "the server's answer makes no sense");
  auto& whole = parsed->get_object();
  if (auto* data = whole.if_contains("data"); data != nullptr && data->is_object())
    return std::move(data->get_object());
  const auto* error = whole.if_contains("error");
  const auto* message = error != nullptr && error->is_object() ? error->get_object().if_contains("message") : nullptr;
  return Fail(ErrorCode::kInternal, message != nullptr && message->is_string() ? std::string(message->get_string())
                                                                               : "the server refused it");
}

Result<ControlClient::Copying> ControlClient::CopyingOf(const Result<json::object>& answer) {
  if (!answer) return std::unexpected(answer.error());
  const auto running = json::OptionalBool(*answer, "running");
  const auto done = json::OptionalWhole(*answer, "done");
  const auto all = json::OptionalWhole(*answer, "all");
  const auto error = json::OptionalText(*answer, "error");
  if (!running || !done || !all || !error) return Fail(ErrorCode::kInternal, "the server's answer makes no sense");
  if (const std::string why = error->value_or(""); !why.empty()) return Fail(ErrorCode::kInternal, why);
  return Copying{running->value_or(false), done->value_or(0), all->value_or(0)};
}

Result<ControlClient::Copying> ControlClient::BeginBackup(const std::string& folder) {
  std::string body;
  json::ObjectWriter(body).Text("folder", folder).End();
  return CopyingOf(Post("/control/backup", body));
}

Result<ControlClient::Copying> ControlClient::WaitForBackup() {
  std::this_thread::sleep_for(kBetween);
  return CopyingOf(Get("/control/backup"));
}

}  // namespace tidings::app
