#include "settlement.hpp"

namespace tidings::redis {

RedisSettlement::RedisSettlement(std::shared_ptr<Fetcher> fetcher, std::string entry, Millis ends)
    : fetcher_(std::move(fetcher)), queue_(fetcher_->queue_), entry_(std::move(entry)), ends_(ends) {
  place_ = fetcher_->held_.size();
  fetcher_->held_.push_back(this);
}

RedisSettlement::~RedisSettlement() {
  if (left_) return;
  Leave();
  queue_->ReturnAll({entry_}, true);
}

void RedisSettlement::Leave() {
  if (left_) return;
  left_ = true;
  auto& held = fetcher_->held_;
  held[place_] = held.back();
  held[place_]->place_ = place_;
  held.pop_back();
  if (fetcher_->buffer_.size() + held.size() <= fetcher_->tell_at_) fetcher_->settled_.NotifyAll();
}

Task<Status> RedisSettlement::Ack() {
  Leave();
  return queue_->Ack(std::move(entry_), ends_);
}

Task<Status> RedisSettlement::Nack() {
  Leave();
  return queue_->Return(std::move(entry_), ends_);
}

Task<Status> RedisSettlement::Retry(Message message, std::chrono::milliseconds delay) {
  Leave();
  return queue_->Retry(std::move(entry_), ends_, std::move(message), delay);
}

Task<Status> RedisSettlement::Bury(Message message) {
  Leave();
  return queue_->Bury(std::move(entry_), ends_, std::move(message), LossCause::kNoDeadLetter);
}

Task<bool> RedisSettlement::Extend() {
  const Millis asked = queue_->timers().Steady();
  const bool extended = co_await queue_->Extend(entry_, fetcher_->lease());
  if (extended) ends_ = asked + fetcher_->lease().count();
  co_return extended;
}

}  // namespace tidings::redis
