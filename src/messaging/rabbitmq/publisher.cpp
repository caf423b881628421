#include "publisher.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

#include "message_codec.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// Past so many bytes waiting for the socket nothing more is encoded.
constexpr std::size_t kMostUnsent = 1024 * 1024;
// A content header is one frame; what of it is not the message's headers and fields takes less than this.
constexpr std::size_t kHeaderOverhead = 1'024;

Error Refused(const std::string& why) { return Error(ErrorCode::kUnavailable, "refused: " + why); }

std::string Shown(const Address& to) {
  return to.is_queue() ? "queue " + to.routing_key() : "exchange " + to.exchange() + " (" + to.routing_key() + ")";
}

}  // namespace

// Messages that are published together: the first error stops what was not sent yet.
class Publisher::Batch {
 public:
  std::size_t left = 0;
  std::optional<Error> error;
  std::move_only_function<void()> resume;
};

class Publisher::Pending {
 public:
  Pending(Address to_, Message message_, const PublishOptions& options, bool persistent_, Millis deadline_)
      : to(std::move(to_)),
        message(std::move(message_)),
        require_route(options.require_route),
        persistent(persistent_),
        deadline(deadline_) {
    if (options.ttl) expiration = std::to_string(options.ttl->count());
  }

  Address to;
  Message message;
  bool require_route;
  bool persistent;
  std::string expiration;
  std::string stamp;
  Millis deadline;
  bool sent = false;  // at least once, on whichever connection
  bool returned = false;
  std::shared_ptr<Batch> batch;
  std::optional<Result<std::size_t>> result;  // once it is known; it may still be under way then
  std::move_only_function<void()> resume;
};

Publisher::Publisher(Executor executor, Timers& timers, LossLedger& ledger, std::shared_ptr<Link> link,
                     PublisherOptions options)
    : executor_(std::move(executor)),
      timers_(timers),
      ledger_(ledger),
      link_(std::move(link)),
      options_(std::move(options)),
      lost_(executor_),
      idle_(executor_),
      in_flight_(link_->load()) {}

Status Publisher::Admit(const Message& message, std::size_t count) const {
  if (finishing_ || abandoned_) return std::unexpected(Refused("the transport is closed"));
  if (waiting_.size() + count > options_.most_waiting + options_.window) {
    return std::unexpected(Refused(std::to_string(waiting_.size()) + " messages wait to be sent already"));
  }
  if (Status fits = Check(message); !fits) return fits;
  if (channel_ &&
      message.headers.Bytes() + message.headers.size() * 32 + kHeaderOverhead > channel_->connection().frame_max()) {
    return Fail(ErrorCode::kTooLarge, "the headers are larger than the broker's frame_max of " +
                                          std::to_string(channel_->connection().frame_max()) + " bytes");
  }
  return {};
}

Task<Result<std::size_t>> Publisher::Publish(Address to, Message message, PublishOptions options, bool persistent,
                                             std::string stamp) {
  if (Status admitted = Admit(message, 1); !admitted) co_return std::unexpected(admitted.error());
  const auto pending = std::make_shared<Pending>(std::move(to), std::move(message), options, persistent,
                                                 timers_.Steady() + options_.timeout.count());
  pending->stamp = std::move(stamp);
  const auto initiate = [this, &pending](auto handler) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    pending->resume = std::move(handler);
    if (slot.is_connected()) {
      slot.assign([weak = weak_from_this(), held = std::weak_ptr(pending)](boost::asio::cancellation_type) {
        const auto self = weak.lock();
        const auto cancelled = held.lock();
        if (self && cancelled) self->GiveUp(cancelled, "it was cancelled");
      });
    }
    Enqueue(pending);
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(initiate,
                                                                                     boost::asio::use_awaitable);
  co_return std::move(*pending->result);
}

Task<Status> Publisher::PublishAll(std::vector<Outgoing> messages) {
  if (messages.empty()) co_return Status();
  for (const Outgoing& outgoing : messages) {
    if (Status admitted = Admit(outgoing.message, 0); !admitted) co_return admitted;
  }
  const auto batch = std::make_shared<Batch>();
  batch->left = messages.size();
  const Millis deadline = timers_.Steady() + options_.timeout.count();
  const auto initiate = [&](auto handler) {
    batch->resume = std::move(handler);
    for (Outgoing& outgoing : messages) {
      auto pending = std::make_shared<Pending>(std::move(outgoing.to), std::move(outgoing.message), outgoing.options,
                                               true, deadline);
      pending->batch = batch;
      Enqueue(std::move(pending));
    }
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(initiate,
                                                                                     boost::asio::use_awaitable);
  if (batch->error) co_return std::unexpected(*batch->error);
  co_return Status();
}

void Publisher::Enqueue(std::shared_ptr<Pending> pending) {
  waiting_.push_back(std::move(pending));
  if (!running_) {
    running_ = true;
    boost::asio::co_spawn(
        executor_, [self = shared_from_this()]() -> Task<void> { co_await self->Run(); }, boost::asio::detached);
  }
  if (!sweeping_) Sweep();
  Pump();
}

// A channel for as long as each lasts.
Task<void> Publisher::Run() {
  while (!abandoned_ && !link_->stopped()) {
    const auto connection = co_await link_->Ready(options_.timeout);
    if (!connection) {
      trouble_ = connection.error().message();
      continue;
    }
    auto channel = co_await (*connection)->OpenChannel(this);
    if (channel) {
      AppendConfirmSelect((*channel)->out(), (*channel)->number());
      const auto selected = co_await (*channel)->Expect(Method::kConfirmSelectOk);
      if (selected && !abandoned_) {
        channel_ = std::move(*channel);
        (*connection)->Watch(this);
        Pump();
        while (channel_) co_await lost_.Wait();
        continue;
      }
      trouble_ = selected ? "the transport is closed" : selected.error().message();
    } else {
      trouble_ = channel.error().message();
    }
    // An open connection without a channel: do not ask again at once.
    co_await lost_.WaitFor(timers_, std::chrono::milliseconds(100));
  }
}

void Publisher::Pump() {
  if (!channel_ || pumping_) return;
  Connection& connection = channel_->connection();
  if (!connection.open()) return;
  pumping_ = true;
  const std::size_t before = connection.out().size();
  while (!waiting_.empty() && in_flight_.count() < options_.window && !connection.blocked() &&
         connection.unsent() < kMostUnsent) {
    if (waiting_.front()->result) {  // given up meanwhile
      waiting_.pop_front();
      if (careful_ > 0) --careful_;
      continue;
    }
    if (careful_ > 0 && in_flight_.count() > 0) break;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (next->batch && next->batch->error && !next->sent) {
      Complete(next, std::unexpected(*next->batch->error));
      continue;
    }
    if (careful_ > 0) --careful_;
    Send(std::move(next));
  }
  if (connection.out().size() != before) connection.Flush();
  pumping_ = false;
}

void Publisher::Send(std::shared_ptr<Pending> pending) {
  Publication publication;
  publication.exchange = pending->to.exchange();
  publication.routing_key = pending->to.routing_key();
  publication.persistent = pending->persistent;
  publication.expiration = pending->expiration;
  publication.stamp = pending->stamp;
  publication.numbers = options_.numbers;
  AppendMessage(channel_->out(), channel_->number(), channel_->connection().frame_max(), publication, pending->message);
  if (pending->sent) ++resent_;
  pending->sent = true;
  pending->returned = false;
  in_flight_.Add();
  unconfirmed_.push_back(std::move(pending));
}

// basic.return: it carries no tag, but comes before its confirm and in the order of publishing.
void Publisher::OnContent(Content& content) {
  Returned returned;
  if (content.method() != static_cast<std::uint32_t>(Method::kBasicReturn) ||
      !ReadReturn(content.method_payload(), returned)) {
    return;
  }
  const std::string_view id = MessageIdOf(content.properties());
  for (const auto& pending : unconfirmed_) {
    if (pending && !pending->returned && pending->message.id == id && pending->to.exchange() == returned.exchange &&
        pending->to.routing_key() == returned.routing_key) {
      pending->returned = true;
      return;
    }
  }
}

void Publisher::OnConfirm(const Confirm& confirm, bool accepted) {
  const std::uint64_t end = first_tag_ + unconfirmed_.size();
  if (confirm.multiple) {
    const std::uint64_t last = confirm.tag == 0 ? end - 1 : std::min(confirm.tag, end - 1);
    for (std::uint64_t tag = first_tag_; tag <= last; ++tag) {
      if (const auto pending = std::exchange(unconfirmed_[tag - first_tag_], nullptr)) Settle(pending, accepted);
    }
  } else if (confirm.tag >= first_tag_ && confirm.tag < end) {
    if (const auto pending = std::exchange(unconfirmed_[confirm.tag - first_tag_], nullptr)) Settle(pending, accepted);
  }
  while (!unconfirmed_.empty() && !unconfirmed_.front()) {
    unconfirmed_.pop_front();
    ++first_tag_;
  }
  Pump();
  if (idle()) idle_.NotifyAll();
}

void Publisher::Settle(const std::shared_ptr<Pending>& pending, bool accepted) {
  in_flight_.Remove();
  if (pending->result) return;
  if (!accepted) {
    Complete(pending,
             std::unexpected(
                 pending->to.is_queue()
                     ? Refused(Shown(pending->to) + " is full, or the broker could not store the message")
                     : Error(ErrorCode::kUnavailable, "not every queue of " + Shown(pending->to) +
                                                          " took the message; publish it again with the same id")));
  } else if (!pending->returned) {
    Complete(pending, 1);
  } else if (pending->require_route) {
    Complete(pending, Fail(ErrorCode::kNotFound, "no queue takes a message for " + Shown(pending->to)));
  } else {
    ledger_.Count(LossCause::kUnrouted, pending->to.is_queue() ? pending->to.routing_key() : pending->to.exchange());
    Complete(pending, 0);
  }
}

void Publisher::Complete(const std::shared_ptr<Pending>& pending, Result<std::size_t> result) {
  if (pending->result) return;
  pending->result = std::move(result);
  if (pending->batch) {
    Batch& batch = *pending->batch;
    if (!*pending->result && !batch.error) batch.error = pending->result->error();
    if (--batch.left == 0) Resume(std::exchange(batch.resume, nullptr));
  } else {
    Resume(std::exchange(pending->resume, nullptr));
  }
}

// All that one read confirmed go on together.
void Publisher::Resume(std::move_only_function<void()> waiter) {
  if (!waiter) return;
  resumed_.push_back(std::move(waiter));
  if (resumed_.size() > 1) return;
  boost::asio::post(executor_, [self = shared_from_this()] {
    for (auto& resume : std::exchange(self->resumed_, {})) resume();
  });
}

void Publisher::OnClosed(const Error& error, const CloseReason* exception) {
  trouble_ = error.message();
  const bool by_message = exception != nullptr && exception->method == Method::kBasicPublish;
  std::deque<std::shared_ptr<Pending>> again;
  for (auto& pending : std::exchange(unconfirmed_, {})) {
    if (pending && !pending->result) again.push_back(std::move(pending));
  }
  first_tag_ = 1;
  in_flight_.Set(0);
  if (by_message && again.size() == 1) {
    const Error why = error.code() == ErrorCode::kConflict ? Error(ErrorCode::kInvalid, error.message()) : error;
    Complete(again.front(), std::unexpected(why.Within(Shown(again.front()->to))));
    again.clear();
  }
  careful_ = by_message ? again.size() : careful_ + (careful_ > 0 ? again.size() : 0);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
  // The channel's object is let go outside of its own call.
  if (channel_) boost::asio::post(executor_, [dead = std::shared_ptr<Channel>(std::move(channel_))] {});
  lost_.NotifyAll();
  if (idle()) idle_.NotifyAll();
}

void Publisher::GiveUp(const std::shared_ptr<Pending>& pending, const std::string& why) {
  if (pending->result) return;
  if (!pending->sent) {
    Complete(pending, std::unexpected(Refused(Shown(pending->to) + ": " + why)));
  } else {
    Complete(pending,
             Fail(ErrorCode::kTimeout, Shown(pending->to) + ": " + why +
                                           "; whether the broker has the message is not known, publish it again "
                                           "with the same id"));
  }
}

// Looks for what waits too long. Both queues are in the order of their deadlines.
void Publisher::Sweep() {
  sweeping_ = !idle() && !abandoned_;
  if (!sweeping_) return;
  const auto pause = std::clamp(options_.timeout / 20, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
  sweep_ = timers_.Set(pause, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const Millis now = self->timers_.Steady();
    const std::string blocked =
        self->channel_ && self->channel_->connection().blocked()
            ? "the broker takes no messages (" + self->channel_->connection().blocked_reason() + ")"
            : self->trouble_;
    const std::string why = "not accepted within " + std::to_string(self->options_.timeout.count()) + " ms" +
                            (blocked.empty() ? "" : ": " + blocked);
    for (const auto* queue : {&self->unconfirmed_, &self->waiting_}) {
      for (const auto& pending : *queue) {
        if (!pending || pending->result) continue;
        if (pending->deadline > now) break;
        self->GiveUp(pending, why);
      }
    }
    std::erase_if(self->waiting_, [](const auto& pending) { return pending->result.has_value(); });
    self->careful_ = std::min(self->careful_, self->waiting_.size());
    if (self->idle()) self->idle_.NotifyAll();
    self->Sweep();
  });
}

Task<void> Publisher::Finish(std::chrono::milliseconds timeout) {
  finishing_ = true;
  const auto self = shared_from_this();
  const Deadline deadline(timers_, timeout);
  while (!idle() && !abandoned_ && !deadline.over()) co_await idle_.WaitFor(timers_, deadline.left());
}

void Publisher::Abandon() {
  if (abandoned_) return;
  abandoned_ = true;
  finishing_ = true;
  sweep_.Cancel();
  const auto self = shared_from_this();
  for (auto* queue : {&unconfirmed_, &waiting_}) {
    for (const auto& pending : std::exchange(*queue, {})) {
      if (pending) GiveUp(pending, "the transport was closed");
    }
  }
  in_flight_.Set(0);
  if (channel_) channel_->connection().Watch(nullptr);
  channel_.reset();
  lost_.NotifyAll();
  idle_.NotifyAll();
}

}  // namespace tidings::messaging::rabbitmq
