#include "stream_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <tuple>
#include <utility>

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
                                       [this](const StreamItem& item, bool awaited) { OnEntry(item, awaited); });
}

StreamGroup::~StreamGroup() { tail_->Stop(); }

Task<Status> StreamGroup::Start(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  co_return co_await tail_->Start(timeout);
}

Task<Result<GroupOutcome>> StreamGroup::Do(GroupStep step) {
  const auto self = shared_from_this();
  const auto offset = co_await tail_->Append(LogMessage(step.Text()));
  if (!offset) co_return std::unexpected(offset.error());
  const auto found = outcomes_.find(*offset);
  if (found == outcomes_.end()) {
    co_return Fail(ErrorCode::kUnavailable, "the log of group " + log_ + " has lost its beginning");
  }
  GroupOutcome outcome = std::move(found->second);
  outcomes_.erase(found);
  if (replica_.state_is_due() && !writing_state_) WriteState();
  co_return outcome;
}

void StreamGroup::OnEntry(const StreamItem& item, bool awaited) {
  auto outcome = replica_.Feed(item.offset, item.stamp, item.message.body);
  if (outcome && awaited) outcomes_.emplace(item.offset, std::move(*outcome));
}

// By whoever made the step that it became due with. If it fails, the next step's maker tries.
void StreamGroup::WriteState() {
  writing_state_ = true;
  const auto write = [](std::shared_ptr<StreamGroup> self) -> Task<void> {
    std::ignore = co_await self->tail_->Append(LogMessage(self->replica_.StateStep()));
    self->writing_state_ = false;
  };
  boost::asio::co_spawn(executor_, write(shared_from_this()), boost::asio::detached);
}

std::uint64_t StreamGroup::Resume() const {
  const GroupState& state = replica_.state();
  return state.pending().empty() ? state.last() : state.pending().begin()->first - 1;
}

}  // namespace tidings::messaging::rabbitmq
