#include <tidings/app/worker.hpp>

#include <algorithm>
#include <array>
#include <functional>

#include "analytics/analytics_kind.hpp"
#include "archive/archive_kind.hpp"
#include "crew.hpp"
#include "folder.hpp"
#include "push/push_kind.hpp"
#include "webhook/webhook_kind.hpp"

namespace tidings::app {
namespace {

using messaging::Task;

using Making = std::unique_ptr<WorkerKind> (*)(const Config&);

std::unique_ptr<WorkerKind> MakeWebhook(const Config& config) {
  WebhookOptions options;
  options.data = config.data;
  options.private_addresses = config.webhook.private_addresses;
  options.timeout = config.webhook.timeout;
  options.disable_after = config.webhook.disable_after;
  for (const std::string& pause : config.webhook.retry) options.retry.push_back(*ParseDuration(pause));
  return std::make_unique<WebhookKind>(std::move(options));
}

std::unique_ptr<WorkerKind> MakeArchive(const Config& config) {
  ArchiveOptions options;
  options.data = config.data;
  options.gather = config.archive.gather;
  return std::make_unique<ArchiveKind>(std::move(options));
}

std::unique_ptr<WorkerKind> MakeAnalytics(const Config&) { return std::make_unique<AnalyticsKind>(); }

std::unique_ptr<WorkerKind> MakePush(const Config& config) {
  PushOptions options;
  options.data = config.data;
  options.url = config.push.url;
  options.token = config.push.token;
  options.timeout = config.push.timeout;
  for (const std::string& pause : config.push.retry) options.retry.push_back(*ParseDuration(pause));
  return std::make_unique<PushKind>(std::move(options));
}

constexpr auto kNames = std::to_array<std::string_view>({"archive", "analytics", "webhook", "push"});
constexpr std::array<Making, kNames.size()> kMaking{&MakeArchive, &MakeAnalytics, &MakeWebhook, &MakePush};

// Of the folder's server, webhook needs the endpoints, push who is there, and analytics is asked by it.
constexpr std::string_view kStandsAlone = "archive";

class CrewWorker final : public Worker {
 public:
  CrewWorker(std::string_view name, std::function<std::unique_ptr<WorkerKind>()> make, CrewOptions options)
      : name_(name), make_(std::move(make)), options_(std::move(options)) {}

  std::string_view name() const override { return name_; }
  Task<Status> Start(messaging::Transport& transport, messaging::Timers& timers) override {
    if (!crew_) crew_ = std::make_unique<Crew>(make_(), options_, transport, timers);
    co_return co_await crew_->Start();
  }
  Task<void> Stop(std::chrono::milliseconds deadline) override {
    if (crew_) co_await crew_->Stop(deadline);
    crew_.reset();
  }

 private:
  const std::string_view name_;
  std::function<std::unique_ptr<WorkerKind>()> make_;
  CrewOptions options_;
  std::unique_ptr<Crew> crew_;
};

}  // namespace

std::span<const std::string_view> WorkerNames() { return kNames; }

Status CheckWorkerFolder(std::string_view name, const Config& config) {
  const std::filesystem::path data = config.data;
  const bool alone = name == kStandsAlone;
  std::error_code error;
  if (std::filesystem::exists(WorkerFolder(data, name) / kLanesFile, error)) return {};
  if (!alone && !std::filesystem::exists(data / "tidings.db", error)) {
    return Fail(ErrorCode::kNotFound, "there is no store in " + data.string() + ", which the worker " +
                                          std::string(name) + " needs; name the server's folder with --data");
  }
  if (alone && !std::filesystem::is_directory(data, error)) {
    return Fail(ErrorCode::kNotFound, "there is no folder " + data.string() +
                                          "; make it first, or name with --data the one that the " + std::string(name) +
                                          " had");
  }
  return {};
}

Result<std::unique_ptr<Worker>> Worker::Make(std::string_view name, const Config& config) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    return Fail(ErrorCode::kInvalid, "there is no worker '" + std::string(name) + "'");
  }
  if (name == "push" && config.push.url.empty()) {
    return Fail(ErrorCode::kInvalid, "the worker push needs push.url, the gateway that it tells");
  }
  CrewOptions options(config.data);
  options.lanes = config.workers.lanes;
  const Making making = kMaking[static_cast<std::size_t>(found - kNames.begin())];
  return std::make_unique<CrewWorker>(*found, [making, config] { return making(config); }, std::move(options));
}

}  // namespace tidings::app
