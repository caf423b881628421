// AnalyticsKind: the worker that counts messages, active users and how late the queue is, by room and hour.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "worker_kind.hpp"

namespace tidings::app {

class AnalyticsKind final : public WorkerKind {
 public:
  std::string_view name() const override { return "analytics"; }
  std::vector<std::string> patterns() const override { return {"message.*"}; }
  std::string_view schema() const override;
  std::unique_ptr<LaneJob> MakeJob(LaneGround ground) override;
};

}  // namespace tidings::app
