#include "file_streams.hpp"

#include <boost/asio/this_coro.hpp>

namespace tidings::messaging::embedded {
namespace {

// Entries of one answer.
constexpr std::size_t kMostRead = 10'000;

Status CheckNames(std::string_view stream, std::string_view group) {
  if (auto valid = CheckName(stream); !valid) return valid;
  return CheckName(group);
}

// Tells the worker for as long as it lives that somebody waits for entries.
class Watching {
 public:
  explicit Watching(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
  ~Watching() {
    if (watching_ && !core_->closed()) Count(-1);
  }
  void Begin() {
    if (!std::exchange(watching_, true)) Count(1);
  }

 private:
  void Count(std::ptrdiff_t by) {
    core_->Send([by](Desk& desk) -> Status {
      desk.streams_watched = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(desk.streams_watched) + by);
      return {};
    });
  }
  std::shared_ptr<Core> core_;
  bool watching_ = false;
};

}  // namespace

Task<FileStreams::Entries> FileStreams::WaitFor(Reading read, std::chrono::milliseconds wait) {
  const auto core = core_;
  const Executor working = core->Working();
  const Millis until = core->timers().Steady() + wait.count();
  Watching watching(core);
  for (;;) {
    auto entries = co_await core->Call<std::vector<StreamEntry>>(false, read);
    if (!entries || !entries->empty()) co_return entries;
    const Millis left = until - core->timers().Steady();
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (left <= 0 || core->closed() || state.cancelled() != boost::asio::cancellation_type::none) co_return entries;
    watching.Begin();
    co_await core->streams_grew().WaitFor(core->timers(), std::chrono::milliseconds(left));
  }
}

Task<Result<StreamId>> FileStreams::Append(std::string stream, Message message) {
  if (auto valid = CheckName(stream); !valid) co_return std::unexpected(valid.error());
  if (auto valid = Check(message); !valid) co_return std::unexpected(valid.error());
  co_return co_await core_->Call<StreamId>(
      false, [stream = std::move(stream), message = std::move(message)](Desk& desk) -> Result<StreamId> {
        desk.outbox().streams_grew = true;
        return desk.streams().Append(stream, message, desk.Now());
      });
}

Task<Result<StreamId>> FileStreams::Tail(std::string stream) {
  co_return co_await core_->Call<StreamId>(false,
                                           [=](Desk& desk) -> Result<StreamId> { return desk.streams().Tail(stream); });
}

Task<FileStreams::Entries> FileStreams::Read(std::string stream, StreamId after, std::size_t limit,
                                             std::chrono::milliseconds wait) {
  limit = std::min(limit, kMostRead);
  return WaitFor([=](Desk& desk) -> Entries { return desk.streams().Read(stream, after, limit); }, wait);
}

Task<Result<StreamStats>> FileStreams::Stats(std::string stream) {
  co_return co_await core_->Call<StreamStats>(false, [=](Desk& desk) { return desk.streams().Stats(stream); });
}

Task<Result<std::uint64_t>> FileStreams::Trim(std::string stream, TrimPolicy policy) {
  co_return co_await core_->Call<std::uint64_t>(false, [=](Desk& desk) -> Result<std::uint64_t> {
    const Trimmed trimmed = desk.streams().Trim(stream, policy);
    desk.Lose(LossCause::kTrimmed, stream, trimmed.owed);
    return trimmed.entries;
  });
}

Task<Status> FileStreams::CreateGroup(std::string stream, std::string group, StreamId after) {
  if (auto valid = CheckNames(stream, group); !valid) co_return valid;
  co_return co_await core_->Call<void>(false, [=](Desk& desk) -> Status {
    desk.streams().CreateGroup(stream, group, after);
    return {};
  });
}

Task<FileStreams::Entries> FileStreams::ReadGroup(std::string stream, std::string group, std::string consumer,
                                                  std::size_t limit, std::chrono::milliseconds wait) {
  limit = std::min(limit, kMostRead);
  return WaitFor([=](Desk& desk) { return desk.streams().ReadGroup(stream, group, consumer, limit, desk.Now()); },
                 wait);
}

Task<Result<std::uint64_t>> FileStreams::Acknowledge(std::string stream, std::string group, std::vector<StreamId> ids) {
  co_return co_await core_->Call<std::uint64_t>(
      true, [=](Desk& desk) { return desk.streams().Acknowledge(stream, group, ids); });
}

Task<FileStreams::Entries> FileStreams::Claim(std::string stream, std::string group, std::string consumer,
                                              std::chrono::milliseconds idle, std::size_t limit) {
  limit = std::min(limit, kMostRead);
  co_return co_await core_->Call<std::vector<StreamEntry>>(
      false, [=](Desk& desk) { return desk.streams().Claim(stream, group, consumer, idle, limit, desk.Now()); });
}

Task<Result<GroupStats>> FileStreams::Group(std::string stream, std::string group) {
  co_return co_await core_->Call<GroupStats>(false, [=](Desk& desk) { return desk.streams().Group(stream, group); });
}

}  // namespace tidings::messaging::embedded
