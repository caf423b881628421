// PushJob: one lane's messages on their way to the gateway. For each, the server is asked who of the room is away and has not
// read it, at each try anew, and the gateway is told. A room's are told one after the other, those of many rooms at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "http_questions.hpp"
#include "push/push_kind.hpp"
#include "push/push_rows.hpp"

namespace tidings::app {

// The type of the events that are pushed.
inline constexpr std::string_view kPushedType = "message.created";

class PushJob final : public LaneJob {
 public:
  // REQUIRES: the client outlives it.
  PushJob(const PushOptions& options, net::HttpClient& client, LaneGround ground);

  Status Handle(const messaging::Message& piece, LaneUnit& unit) override;
  void Begin() override;
  messaging::Task<void> End(std::chrono::milliseconds deadline) override;

 private:
  messaging::Task<void> Run();
  std::chrono::milliseconds LongestPause() const;
  messaging::Task<void> Push(PushRow row);
  // Who is to be told. kUnavailable: the server cannot be asked just now.
  messaging::Task<Result<std::vector<std::string>>> Audience(const PushRow& row);
  // Success, or why not; kInvalid: no other try helps.
  messaging::Task<Status> Tell(const PushRow& row, const std::vector<PushPart>& parts);
  // Tells them and keeps what came of it. False: that could not be kept.
  messaging::Task<bool> Deliver(const PushRow& row, const std::vector<PushPart>& parts);
  // The requests of this try, those that are new kept.
  messaging::Task<Result<std::vector<PushPart>>> Cut(const PushRow& row, const std::vector<std::string>& users);
  messaging::Task<Status> TellPart(const PushRow& row, const PushPart& part);
  messaging::Task<Status> Bury(const PushRow& row, const Error& error);
  messaging::Task<bool> Keep(LaneStore::Effect effect);

  const PushOptions& options_;
  LaneGround ground_;
  HttpQuestions questions_;
  messaging::Signal changed_;
  std::set<std::int64_t> under_way_;  // rows
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace tidings::app
