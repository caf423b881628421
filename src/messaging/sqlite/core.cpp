#include "core.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

#include "settlement.hpp"

namespace tidings::messaging::embedded {

Core::Core(Executor executor, Timers& timers, LossLedger& ledger)
    : executor_(std::move(executor)), timers_(timers), ledger_(ledger), streams_grew_(executor_) {}

void Core::Start(std::unique_ptr<QueueFile> file, std::unique_ptr<Desk> desk, Worker::Options options) {
  auto deliver = [executor = executor_, weak = weak_from_this()](Jobs jobs, Outbox outbox) {
    boost::asio::post(executor, [weak, jobs = std::move(jobs), outbox = std::move(outbox)]() mutable {
      if (const auto self = weak.lock()) return self->Receive(jobs, std::move(outbox));
      for (const auto& job : jobs) job->Finish();
    });
  };
  worker_ = std::make_unique<Worker>(std::move(file), std::move(desk), std::move(options), std::move(deliver));
}

void Core::Close() {
  if (closed_) return;
  due_alarm_.Cancel();
  lease_alarm_.Cancel();
  while (!held_.empty()) Drop(held_.front());
  while (!baskets_.empty()) ShutSoon(baskets_.begin()->first);
  closed_ = true;
  worker_->Close();
  for (const auto& [id, box] : boxes_) {
    box->ended = true;
    box->arrived.NotifyAll();
  }
  streams_grew_.NotifyAll();
}

void Core::Submit(std::unique_ptr<Job> job) {
  auto refused = worker_->Submit(std::move(job));
  if (!refused) return;
  refused->first->Refuse(refused->second);
  boost::asio::post(executor_, [back = std::move(refused->first)] { back->Finish(); });
}

void Core::Receive(const Jobs& jobs, Outbox outbox) {
  if (outbox.epoch > epoch_) LoseAll(outbox.epoch);
  for (const Loss& loss : outbox.losses) ledger_.Count(loss.cause, loss.where, loss.messages);
  for (Handout& handout : outbox.handouts) {
    const auto found = baskets_.find(handout.consumer);
    if (found == baskets_.end() || closed_) {
      if (closed_ || handout.messages.empty()) continue;
      std::vector<MessageId> ids;
      ids.reserve(handout.messages.size());
      for (const KeptMessage& kept : handout.messages) ids.push_back(kept.id);
      Send([epoch = epoch_, queue = handout.messages.front().queue, ids = std::move(ids)](Desk& desk) -> Status {
        (void)desk.GiveBack(epoch, queue, ids, false);
        return {};
      });
      continue;
    }
    Basket& basket = *found->second;
    const Millis deadline = timers_.Steady() + basket.lease.count();
    for (KeptMessage& kept : handout.messages) {
      Basket::Fetched& fetched = basket.messages.emplace_back();
      fetched.kept = std::move(kept);
      fetched.deadline = deadline;
    }
    Watch(deadline);
    basket.arrived.NotifyAll();
  }
  for (const ConsumerId consumer : outbox.ended) {
    const auto found = baskets_.find(consumer);
    if (found == baskets_.end()) continue;
    found->second->ended = true;
    found->second->messages.clear();
    found->second->arrived.NotifyAll();
  }
  for (auto& [subscription, notice] : outbox.notices) PutNotice(subscription, std::move(notice));
  if (outbox.streams_grew) streams_grew_.NotifyAll();
  if (!closed_ && outbox.due_at) {
    const Millis left = std::max<Millis>(*outbox.due_at - timers_.Steady(), 0);
    due_alarm_ = timers_.Set(std::chrono::milliseconds(left), [this] { worker_->Poke(); });
  }
  for (const auto& job : jobs) job->Finish();
}

void Core::LoseAll(std::uint64_t epoch) {
  epoch_ = epoch;
  for (Held& held : held_) held.ours = false;
  held_.clear();
  for (const auto& [id, basket] : baskets_) basket->messages.clear();
}

void Core::PutNotice(SubscriptionId subscription, Notice notice) {
  const auto found = boxes_.find(subscription);
  if (found == boxes_.end()) return;
  NoticeBox& box = *found->second;
  if (notice.gap()) ledger_.Count(LossCause::kPubSubGap, "notices");
  if (box.notices.size() >= NoticeBox::kMost) {
    if (!notice.gap()) ledger_.Count(LossCause::kSlow, notice.topic());
    if (!std::exchange(box.overrun, true)) {
      ledger_.Count(LossCause::kPubSubGap, notice.gap() ? "notices" : notice.topic());
      box.notices.push_back(Notice::Gap("too slow"));
    }
    return;
  }
  box.overrun = false;
  box.notices.push_back(std::move(notice));
  box.arrived.NotifyAll();
}

Task<Result<std::shared_ptr<Basket>>> Core::Open(ConsumerId consumer, std::string queue, std::size_t prefetch,
                                                 std::chrono::milliseconds lease, bool listed) {
  const auto self = shared_from_this();
  const auto basket = std::make_shared<Basket>(executor_, consumer, queue, lease);
  // Before the job: what the same commit hands out comes before its outcome.
  baskets_[consumer] = basket;
  auto added =
      co_await Call<QueueId>(false, [=](Desk& desk) { return desk.AddConsumer(consumer, queue, prefetch, listed); });
  if (!added) {
    baskets_.erase(consumer);
    co_return std::unexpected(added.error());
  }
  co_return basket;
}

std::vector<MessageId> Core::TakeLeft(ConsumerId consumer) {
  std::vector<MessageId> left;
  const auto found = baskets_.find(consumer);
  if (found == baskets_.end()) return left;
  const auto basket = found->second;
  baskets_.erase(found);
  for (const Basket::Fetched& fetched : basket->messages) left.push_back(fetched.kept.id);
  basket->messages.clear();
  basket->ended = true;
  basket->arrived.NotifyAll();
  return left;
}

namespace {

auto Removal(std::uint64_t epoch, ConsumerId consumer, QueueId queue, std::vector<MessageId> left) {
  return [epoch, consumer, queue, left = std::move(left)](Desk& desk) -> Status {
    desk.RemoveConsumer(consumer);
    if (!left.empty()) (void)desk.GiveBack(epoch, queue, left, false);
    return {};
  };
}

QueueId QueueOf(const std::map<ConsumerId, std::shared_ptr<Basket>>& baskets, ConsumerId consumer) {
  const auto found = baskets.find(consumer);
  return found == baskets.end() || found->second->messages.empty() ? 0 : found->second->messages.front().kept.queue;
}

}  // namespace

Task<void> Core::Shut(ConsumerId consumer) {
  const auto self = shared_from_this();
  if (closed_ || !baskets_.contains(consumer)) co_return;
  const QueueId queue = QueueOf(baskets_, consumer);
  auto left = TakeLeft(consumer);
  // It is tried until it succeeds. It fails only where the file cannot be used any more: then all that this process held goes
  // back with its lock.
  (void)co_await Call<void>(true, Removal(epoch_, consumer, queue, std::move(left)));
}

void Core::ShutSoon(ConsumerId consumer) {
  if (closed_ || !baskets_.contains(consumer)) return;
  const QueueId queue = QueueOf(baskets_, consumer);
  auto left = TakeLeft(consumer);
  Send(Removal(epoch_, consumer, queue, std::move(left)));
}

void Core::Ask(Basket& basket) {
  basket.asks = true;
  if (!std::exchange(basket.rests, false)) return;
  Send([consumer = basket.consumer](Desk& desk) -> Status {
    desk.Rest(consumer, false);
    return {};
  });
}

Delivery Core::HandOut(Basket& basket) {
  KeptMessage kept = std::move(basket.messages.front().kept);
  basket.messages.pop_front();
  auto settlement = std::make_unique<FileSettlement>(shared_from_this());
  Held& held = settlement->held();
  held.queue = kept.queue;
  held.id = kept.id;
  held.consumer = basket.consumer;
  held.epoch = epoch_;
  held.lease = basket.lease;
  held.deadline = timers_.Steady() + basket.lease.count();
  held_.push_back(held);
  Watch(held.deadline);
  return Delivery(std::move(kept.message), basket.queue, kept.deliveries + 1, std::move(settlement));
}

bool Core::Let(Held& held) {
  if (!std::exchange(held.ours, false)) return false;
  held.unlink();
  return !closed_;
}

void Core::Drop(Held& held) {
  if (!Let(held)) return;
  Send([epoch = held.epoch, queue = held.queue, id = held.id](Desk& desk) -> Status {
    (void)desk.GiveBack(epoch, queue, {id}, true);
    return {};
  });
}

void Core::Extend(Held& held) { held.deadline = timers_.Steady() + held.lease.count(); }

void Core::Watch(Millis deadline) {
  if (lease_alarm_at_ && *lease_alarm_at_ <= deadline) return;
  lease_alarm_at_ = deadline;
  const Millis left = std::max<Millis>(deadline - timers_.Steady(), 0);
  lease_alarm_ = timers_.Set(std::chrono::milliseconds(left), [this] { CheckLeases(); });
}

void Core::CheckLeases() {
  lease_alarm_at_.reset();
  const Millis now = timers_.Steady();
  std::optional<Millis> next;
  const auto over = [&](Millis deadline) {
    if (deadline > now && (!next || deadline < *next)) next = deadline;
    return deadline <= now;
  };
  std::vector<Held*> ended;
  for (Held& held : held_) {
    if (over(held.deadline)) ended.push_back(&held);
  }
  for (Held* held : ended) {
    LetRest(held->consumer);
    Drop(*held);
  }
  for (const auto& [id, basket] : baskets_) {
    // What came after one that is over goes back too, or it would be handled first.
    if (!basket->messages.empty() && over(basket->messages.front().deadline)) TakeBack(*basket);
  }
  if (next) Watch(*next);
}

// What a hung handler's consumer fetched ahead, or would be sent again, is for others.
void Core::LetRest(ConsumerId consumer) {
  const auto found = baskets_.find(consumer);
  if (found == baskets_.end() || found->second->asks || std::exchange(found->second->rests, true)) return;
  Send([consumer](Desk& desk) -> Status {
    desk.Rest(consumer, true);
    return {};
  });
}

void Core::TakeBack(Basket& basket) {
  LetRest(basket.consumer);
  const QueueId queue = basket.messages.front().kept.queue;
  std::vector<MessageId> ids;
  ids.reserve(basket.messages.size());
  for (const Basket::Fetched& fetched : basket.messages) ids.push_back(fetched.kept.id);
  basket.messages.clear();
  Send([epoch = epoch_, queue, ids = std::move(ids)](Desk& desk) -> Status {
    (void)desk.GiveBack(epoch, queue, ids, false);
    return {};
  });
}

std::shared_ptr<NoticeBox> Core::OpenBox(SubscriptionId subscription) {
  return boxes_[subscription] = std::make_shared<NoticeBox>(executor_);
}

void Core::ShutBox(SubscriptionId subscription) {
  const auto found = boxes_.find(subscription);
  if (found == boxes_.end()) return;
  found->second->ended = true;
  found->second->arrived.NotifyAll();
  boxes_.erase(found);
}

}  // namespace tidings::messaging::embedded
