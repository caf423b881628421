// ArchiveKind: the worker that keeps what happened to messages in files, by room and day.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "event_check.hpp"
#include "worker_kind.hpp"

namespace tidings::app {

class ArchiveOptions {
 public:
  ArchiveOptions() = default;
  std::filesystem::path data;
  // The longest that a line waits for others to be compressed with; durable it is from the first, in the lane's file.
  std::chrono::milliseconds gather{60'000};
};

class ArchiveKind final : public WorkerKind {
 public:
  explicit ArchiveKind(ArchiveOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "archive"; }
  // All of them for their numbers; those of messages are kept.
  std::vector<std::string> patterns() const override { return {"#"}; }
  bool by_number() const override { return true; }
  std::string_view schema() const override;
  Result<std::vector<LanePiece>> Split(const messaging::Message& event, std::size_t lanes) override {
    if (Status checked = CheckEvent(event); !checked) return std::unexpected(checked.error());
    return WorkerKind::Split(event, lanes);
  }
  std::unique_ptr<LaneJob> MakeJob(LaneGround ground) override;

 private:
  const ArchiveOptions options_;
};

}  // namespace tidings::app
