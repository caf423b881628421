// ServerChannel: one channel of a client: what it asks for, done one after the other, and what it was handed and has to settle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/transport.hpp>

#include "frame.hpp"
#include "message_codec.hpp"
#include "server_session.hpp"

namespace tidings::messaging::rabbitmq {

class ServerSubscription;

class ServerChannel : public std::enable_shared_from_this<ServerChannel> {
 public:
  ServerChannel(std::shared_ptr<ServerSession> session, std::uint16_t number);
  ~ServerChannel();

  void OnFrame(const Frame& frame);
  // Something that was asked for is not done yet.
  bool busy() const { return running_ || publishing_ > 0 || settling_ > 0; }
  // Consumers stop, and what the client holds goes back.
  Task<void> End();

  // For consumers.
  bool open() const { return open_ && session_->running(); }
  ServerSession& session() { return *session_; }
  // Until more may be handed out, or the channel has closed.
  Task<void> RoomToDeliver(const ServerSubscription& subscription);
  void Deliver(const std::string& consumer, bool no_ack, Delivery delivery);
  // Its queue is gone, or cannot be read.
  void OnConsumerEnded(const std::string& consumer, const Error& error);

 private:
  using MaybeRefused = std::optional<Refusal>;

  // One method with its content, waiting for its turn.
  class Call {
   public:
    Method method{};
    std::string payload;
    std::string properties;
    std::string body;
    bool too_large = false;
    std::size_t size() const { return payload.size() + properties.size() + body.size() + 64; }
  };
  // In the client's hands.
  class Held {
   public:
    explicit Held(Delivery delivery_)
        : delivery(std::move(delivery_)), bytes(delivery.message().body.size() + delivery.message().headers.Bytes()) {}
    Delivery delivery;
    std::size_t bytes;
  };
  enum class Outcome { kDone, kBack, kRejected };

  void OnContent(Content::Step step);
  void Enqueue(Call call);
  Task<void> Run();
  Task<MaybeRefused> Do(const Call& call);
  Task<MaybeRefused> DeclareExchange(std::string_view payload);
  Task<MaybeRefused> DeclareQueue(std::string_view payload);
  Task<MaybeRefused> FindQueue(std::string name, bool no_wait);
  MaybeRefused Differs(const std::string& name, const QueueArguments& arguments);
  Task<MaybeRefused> MakeQueue(std::string name, const QueueArguments& arguments);
  Task<MaybeRefused> Bind(std::string_view payload);
  Task<MaybeRefused> PurgeQueue(std::string_view payload);
  Task<MaybeRefused> DeleteQueue(std::string_view payload);
  Task<MaybeRefused> Consume(std::string_view payload);
  Task<MaybeRefused> Cancel(std::string_view payload);
  Task<MaybeRefused> Get(std::string_view payload);
  Task<MaybeRefused> Recover(std::string_view payload);
  Task<MaybeRefused> Close();
  MaybeRefused SetQos(std::string_view payload);
  MaybeRefused SetFlow(std::string_view payload);
  MaybeRefused Settle(Method method, std::string_view payload);
  MaybeRefused StartPublish(Call& call);
  Task<void> Publish(Outgoing outgoing, std::uint64_t tag, std::optional<Message> returned, PublishedAt at);
  // Until what was published and settled so far is done.
  Task<void> Quiet();
  // Until the client has read what it was answered.
  Task<void> Read();

  // The queue that "" stands for.
  std::string QueueNamed(std::string_view name) const { return std::string(name.empty() ? last_queue_ : name); }
  Task<std::uint64_t> Left(const std::string& queue);
  std::uint64_t Hold(Delivery delivery);
  void SettleOne(Held held, Outcome outcome);
  Task<void> SettleTask(Held held, Outcome outcome);
  void GiveBack(std::map<std::uint64_t, Held> held);
  PublishedAt Origin(const Delivery& delivery) const;
  std::optional<Death> DeathOf(const Delivery& delivery, const PublishedAt& at) const;
  void AppendDelivery(const Delivery& delivery, const PublishedAt& at);
  Task<void> StopConsumer(std::string tag);
  void Refuse(const Refusal& refusal, Method method);
  void Done();

  const std::shared_ptr<ServerSession> session_;
  const std::uint16_t number_;
  bool open_ = true;
  Content content_;
  std::uint64_t begun_ = 0;  // what the session was told of it
  std::deque<Call> calls_;
  bool running_ = false;
  std::size_t publishing_ = 0;
  std::size_t settling_ = 0;
  std::string last_queue_;

  bool confirming_ = false;
  std::uint64_t published_ = 0;         // since confirm.select: the tag of the last one
  std::uint16_t prefetch_ = 0;          // of the consumers to come; 0: no bound of the client's
  std::uint16_t channel_prefetch_ = 0;  // of all consumers together
  bool flowing_ = true;
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, Held> held_;
  std::map<std::string, std::shared_ptr<ServerSubscription>, std::less<>> consumers_;
  std::uint64_t named_consumers_ = 0;
  std::string counted_queue_;
  Millis counted_at_ = 0;
  std::uint64_t counted_ = 0;
};

// One basic.consume. Runs as a coroutine until it is stopped or its queue is gone.
class ServerSubscription : public std::enable_shared_from_this<ServerSubscription> {
 public:
  ServerSubscription(std::shared_ptr<ServerChannel> channel, std::string tag, std::string queue, bool no_ack,
                     bool alone, std::unique_ptr<Consumer> consumer)
      : channel_(std::move(channel)),
        tag_(std::move(tag)),
        queue_(std::move(queue)),
        no_ack_(no_ack),
        alone_(alone),
        consumer_(std::move(consumer)) {}

  void Start();
  // Nothing is handed out any more when it returns.
  Task<void> Stop();
  bool stopped() const { return stopped_; }
  const std::string& queue() const { return queue_; }
  bool alone() const { return alone_; }

 private:
  Task<void> Run();

  const std::shared_ptr<ServerChannel> channel_;
  const std::string tag_;
  const std::string queue_;
  const bool no_ack_;
  const bool alone_;  // exclusive
  const std::unique_ptr<Consumer> consumer_;
  bool stopped_ = false;
};

}  // namespace tidings::messaging::rabbitmq
