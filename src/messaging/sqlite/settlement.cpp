#include "settlement.hpp"

namespace tidings::messaging::embedded {

Task<Status> FileSettlement::Settle(Work work) {
  if (!core_->Let(*held_)) {
    co_return Fail(ErrorCode::kConflict, "the delivery is not held any more: its lease ended, or the transport closed");
  }
  co_return co_await core_->Call<void>(true, std::move(work));
}

Task<Status> FileSettlement::Ack() {
  return Settle([held = held_](Desk& desk) { return desk.Ack(held->epoch, held->queue, held->id); });
}

Task<Status> FileSettlement::Nack() {
  return Settle([held = held_](Desk& desk) { return desk.GiveBack(held->epoch, held->queue, {held->id}, false); });
}

Task<Status> FileSettlement::Retry(Message message, std::chrono::milliseconds delay) {
  if (auto valid = Check(message); !valid) co_return valid;
  co_return co_await Settle([held = held_, message = std::move(message), delay](Desk& desk) {
    return desk.Retry(held->epoch, held->queue, held->id, message, delay);
  });
}

Task<Status> FileSettlement::Bury(Message message) {
  co_return co_await Settle([held = held_, message = std::move(message)](Desk& desk) {
    return desk.Bury(held->epoch, held->queue, held->id, message);
  });
}

Task<bool> FileSettlement::Extend() {
  if (!held_->ours) co_return false;
  core_->Extend(*held_);
  auto holds = co_await core_->Call<bool>(
      true, [held = held_](Desk& desk) -> Result<bool> { return desk.Holds(held->epoch, held->queue, held->id); });
  co_return holds && *holds && held_->ours;
}

}  // namespace tidings::messaging::embedded
