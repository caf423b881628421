#include "settlement.hpp"

namespace tidings::messaging::embedded {
namespace {

Task<Status> Refused(Error error) { co_return std::unexpected(std::move(error)); }

}  // namespace

template <class Work>
Task<Status> FileSettlement::Settle(Work work) {
  if (!core_->Let(held_)) {
    return Refused(
        Error(ErrorCode::kConflict, "the delivery is not held any more: its lease ended, or the transport closed"));
  }
  return core_->Call<void>(true, [work = std::move(work), epoch = held_.epoch, queue = held_.queue,
                                  id = held_.id](Desk& desk) { return work(desk, epoch, queue, id); });
}

Task<Status> FileSettlement::Ack() {
  return Settle(
      [](Desk& desk, std::uint64_t epoch, QueueId queue, MessageId id) { return desk.Ack(epoch, queue, id); });
}

Task<Status> FileSettlement::Nack() {
  return Settle([](Desk& desk, std::uint64_t epoch, QueueId queue, MessageId id) {
    return desk.GiveBack(epoch, queue, {id}, false);
  });
}

Task<Status> FileSettlement::Retry(Message message, std::chrono::milliseconds delay) {
  if (auto valid = Check(message); !valid) return Refused(std::move(valid.error()));
  return Settle([message = std::move(message), delay](Desk& desk, std::uint64_t epoch, QueueId queue, MessageId id) {
    return desk.Retry(epoch, queue, id, message, delay);
  });
}

Task<Status> FileSettlement::Bury(Message message) {
  return Settle([message = std::move(message)](Desk& desk, std::uint64_t epoch, QueueId queue, MessageId id) {
    return desk.Bury(epoch, queue, id, message);
  });
}

Task<bool> FileSettlement::Extend() {
  if (!held_.ours) co_return false;
  core_->Extend(held_);
  auto holds = co_await core_->Call<bool>(
      true, [epoch = held_.epoch, queue = held_.queue, id = held_.id](Desk& desk) -> Result<bool> {
        return desk.Holds(epoch, queue, id);
      });
  if (!holds) co_return false;
  co_return held_.ours && *holds;
}

}  // namespace tidings::messaging::embedded
