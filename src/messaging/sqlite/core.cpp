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
      if (const auto self = weak.lock()) return self->Receive(std::move(jobs), std::move(outbox));
      for (const auto& job : jobs) job->Finish();
    });
  };
  worker_ = std::make_unique<Worker>(std::move(file), std::move(desk), std::move(options), std::move(deliver));
}

void Core::Close() {
  if (closed_) return;
  due_alarm_.Cancel();
  lease_alarm_.Cancel();
  while (!held_.empty()) Drop(std::shared_ptr(held_.begin()->second));
  while (!inboxes_.empty()) ShutSoon(inboxes_.begin()->first);
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

void Core::Send(std::move_only_function<Status(Desk&)> work) {
  Submit(std::make_unique<JobOf<void>>(true, std::move(work), nullptr, executor_));
}

void Core::Receive(Jobs jobs, Outbox outbox) {
  if (outbox.epoch > epoch_) LoseAll(outbox.epoch);
  for (const Loss& loss : outbox.losses) ledger_.Count(loss.cause, loss.where, loss.messages);
  for (Handout& handout : outbox.handouts) {
    const auto found = inboxes_.find(handout.consumer);
    if (found == inboxes_.end() || closed_) {
      if (closed_ || handout.messages.empty()) continue;
      std::vector<MessageId> ids;
      for (const KeptMessage& kept : handout.messages) ids.push_back(kept.id);
      Send([epoch = epoch_, queue = handout.messages.front().queue, ids = std::move(ids)](Desk& desk) -> Status {
        (void)desk.GiveBack(epoch, queue, ids, false);
        return {};
      });
      continue;
    }
    Inbox& inbox = *found->second;
    std::ranges::move(handout.messages, std::back_inserter(inbox.messages));
    inbox.arrived.NotifyAll();
  }
  for (const ConsumerId consumer : outbox.ended) {
    const auto found = inboxes_.find(consumer);
    if (found == inboxes_.end()) continue;
    found->second->ended = true;
    found->second->messages.clear();
    found->second->arrived.NotifyAll();
  }
  for (auto& [subscription, notice] : outbox.notices) PutNotice(subscription, std::move(notice));
  if (outbox.streams_grew) streams_grew_.NotifyAll();
  if (!closed_ && outbox.next_time) {
    due_alarm_ = timers_.Set(*outbox.next_time, [this] { worker_->Poke(); });
  }
  for (const auto& job : jobs) job->Finish();
}

void Core::LoseAll(std::uint64_t epoch) {
  epoch_ = epoch;
  for (const auto& [id, held] : held_) held->ours = false;
  held_.clear();
  for (const auto& [id, inbox] : inboxes_) inbox->messages.clear();
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

Task<Result<std::shared_ptr<Inbox>>> Core::Open(ConsumerId consumer, std::string queue, std::size_t prefetch,
                                                std::chrono::milliseconds lease, bool listed) {
  const auto self = shared_from_this();
  const auto inbox = std::make_shared<Inbox>(executor_, queue, lease);
  // Before the job: what the same commit hands out comes before its outcome.
  inboxes_[consumer] = inbox;
  auto added =
      co_await Call<QueueId>(false, [=](Desk& desk) { return desk.AddConsumer(consumer, queue, prefetch, listed); });
  if (!added) {
    inboxes_.erase(consumer);
    co_return std::unexpected(added.error());
  }
  co_return inbox;
}

std::vector<MessageId> Core::TakeLeft(ConsumerId consumer) {
  std::vector<MessageId> left;
  const auto found = inboxes_.find(consumer);
  if (found == inboxes_.end()) return left;
  const auto inbox = found->second;
  inboxes_.erase(found);
  for (const KeptMessage& kept : inbox->messages) left.push_back(kept.id);
  inbox->messages.clear();
  inbox->ended = true;
  inbox->arrived.NotifyAll();
  return left;
}

namespace {

auto Removal(std::uint64_t epoch, ConsumerId consumer, QueueId queue, std::vector<MessageId> left) {
  return [=](Desk& desk) -> Status {
    desk.RemoveConsumer(consumer);
    if (!left.empty()) (void)desk.GiveBack(epoch, queue, left, false);
    return {};
  };
}

QueueId QueueOf(const std::map<ConsumerId, std::shared_ptr<Inbox>>& inboxes, ConsumerId consumer) {
  const auto found = inboxes.find(consumer);
  return found == inboxes.end() || found->second->messages.empty() ? 0 : found->second->messages.front().queue;
}

}  // namespace

Task<void> Core::Shut(ConsumerId consumer) {
  const auto self = shared_from_this();
  if (closed_ || !inboxes_.contains(consumer)) co_return;
  const QueueId queue = QueueOf(inboxes_, consumer);
  auto left = TakeLeft(consumer);
  co_await Call<void>(true, Removal(epoch_, consumer, queue, std::move(left)));
}

void Core::ShutSoon(ConsumerId consumer) {
  if (closed_ || !inboxes_.contains(consumer)) return;
  const QueueId queue = QueueOf(inboxes_, consumer);
  auto left = TakeLeft(consumer);
  Send(Removal(epoch_, consumer, queue, std::move(left)));
}

Delivery Core::HandOut(Inbox& inbox) {
  KeptMessage kept = std::move(inbox.messages.front());
  inbox.messages.pop_front();
  const auto held = std::make_shared<Held>();
  held->queue = kept.queue;
  held->id = kept.id;
  held->epoch = epoch_;
  held->lease = inbox.lease;
  held->deadline = timers_.Steady() + inbox.lease.count();
  held_[kept.id] = held;
  Watch(held->deadline);
  return Delivery(std::move(kept.message), inbox.queue, kept.deliveries + 1,
                  std::make_unique<FileSettlement>(shared_from_this(), held));
}

bool Core::Let(Held& held) {
  if (!std::exchange(held.ours, false)) return false;
  held_.erase(held.id);
  return !closed_;
}

void Core::Drop(const std::shared_ptr<Held>& held) {
  if (!Let(*held)) return;
  Send([held](Desk& desk) -> Status {
    (void)desk.GiveBack(held->epoch, held->queue, {held->id}, true);
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
  std::vector<std::shared_ptr<Held>> ended;
  for (const auto& [id, held] : held_) {
    if (held->deadline <= now) {
      ended.push_back(held);
    } else if (!next || held->deadline < *next) {
      next = held->deadline;
    }
  }
  for (const auto& held : ended) Drop(held);
  if (next) Watch(*next);
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
