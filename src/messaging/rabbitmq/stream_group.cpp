#include "stream_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <tuple>
#include <utility>

#include "at_end.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::chrono::seconds kIdle{60};

Message LogMessage(std::string body) { return Message("tidings.group", std::move(body)); }

}  // namespace

std::string GroupLogName(std::string_view stream, std::string_view group) {
  return std::string(stream) + "/" + std::string(group);
}

StreamGroup::StreamGroup(Executor executor, Timers& timers, std::shared_ptr<Link> link,
                         std::shared_ptr<Publisher> publisher, std::string log, std::chrono::milliseconds timeout)
    : executor_(std::move(executor)), log_(std::move(log)) {
  StreamTailOptions options;
  options.from_first = true;
  options.timeout = timeout;
  options.idle = kIdle;
  // The tail is this object's own, and may live on for a turn.
  tail_ = std::make_shared<StreamTail>(executor_, timers, std::move(link), std::move(publisher), log_, options,
                                       [this](const StreamItem& item) { OnEntry(item); });
}

StreamGroup::~StreamGroup() { tail_->Stop(); }

Task<Status> StreamGroup::Start(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  co_return co_await tail_->Start(timeout);
}

Status StreamGroup::Usable() const {
  if (!replica_.lost()) return {};
  return Fail(ErrorCode::kUnavailable,
              "the log of a group was trimmed behind the last state that stood in it: let no policy match queue " +
                  log_ + ", delete it, and create the group again from where its consumers stand");
}

Task<Result<GroupOutcome>> StreamGroup::Do(GroupStep step) {
  const auto self = shared_from_this();
  if (Status usable = Usable(); !usable) co_return std::unexpected(usable.error());
  const std::string stamp = tail_->NextStamp();
  auto& awaited = awaited_[stamp];
  const AtEnd forget([&] { awaited_.erase(stamp); });
  const auto offset = co_await tail_->Append(LogMessage(step.Text()), stamp);
  if (!offset) co_return std::unexpected(offset.error());
  if (replica_.state_is_due() && !writing_state_) WriteState();
  if (awaited.outcome) co_return std::move(*awaited.outcome);
  if (Status usable = Usable(); !usable) co_return std::unexpected(usable.error());
  co_return Fail(ErrorCode::kTimeout, "it is not known what a step in the log of group " + log_ + " led to");
}

void StreamGroup::OnEntry(const StreamItem& item) {
  auto outcome = replica_.Feed(item.offset, item.stamp, item.message.body);
  const auto found = awaited_.find(item.stamp);
  // What was sent again counts where it stands first.
  if (found == awaited_.end() || std::exchange(found->second.seen, true)) return;
  found->second.outcome = std::move(outcome);
}

// By whoever made the step that it became due with. If it fails, the next step's maker tries.
void StreamGroup::WriteState() {
  writing_state_ = true;
  const auto write = [](std::shared_ptr<StreamGroup> self) -> Task<void> {
    const AtEnd written([&self] { self->writing_state_ = false; });
    std::ignore = co_await self->tail_->Append(LogMessage(self->replica_.StateStep()), self->tail_->NextStamp());
  };
  boost::asio::co_spawn(executor_, write(shared_from_this()), boost::asio::detached);
}

std::uint64_t StreamGroup::Resume() const {
  const GroupState& state = replica_.state();
  return state.pending().empty() ? state.last() : state.pending().begin()->first - 1;
}

}  // namespace tidings::messaging::rabbitmq
