// PushKind: the worker that hands messages for members who are not online to a push gateway, by HTTP.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/net/http_client.hpp>

#include "worker_kind.hpp"

namespace tidings::app {

class PushOptions {
 public:
  PushOptions() = default;
  std::filesystem::path data;
  std::string url;    // of the gateway
  std::string token;  // shown to it as Authorization: Bearer; may be empty
  std::chrono::milliseconds timeout{15'000};
  // Pauses between the tries of one message; among the dead letters when they are over. Each is longer by up to a tenth.
  std::vector<std::chrono::milliseconds> retry;
};

class PushKind final : public WorkerKind {
 public:
  explicit PushKind(PushOptions options);

  std::string_view name() const override { return "push"; }
  // All of them for their numbers; new messages are pushed.
  std::vector<std::string> patterns() const override { return {"#"}; }
  bool by_number() const override { return true; }
  std::string_view schema() const override;
  // Of what is no new message, the number alone.
  Result<std::vector<LanePiece>> Split(const messaging::Message& event, std::size_t lanes) override;
  std::unique_ptr<LaneJob> MakeJob(LaneGround ground) override;

 private:
  const PushOptions options_;
  net::HttpClient client_;
};

}  // namespace tidings::app
