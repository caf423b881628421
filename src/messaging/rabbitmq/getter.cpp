#include "getter.hpp"

#include <tuple>
#include <utility>

namespace tidings::messaging::rabbitmq {
namespace {

// So that a call that is cancelled lets the next one in.
class Turn {
 public:
  Turn(bool& busy, Signal& free) : busy_(busy), free_(free) { busy_ = true; }
  ~Turn() {
    busy_ = false;
    free_.NotifyOne();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  bool& busy_;
  Signal& free_;
};

}  // namespace

Task<Result<std::optional<Delivery>>> Getter::Get(std::string queue, std::chrono::milliseconds timeout) {
  const Deadline deadline(timers_, timeout);
  while (busy_) {
    if (deadline.over()) co_return Fail(ErrorCode::kTimeout, "other gets took all the time that this one had");
    co_await free_.WaitFor(timers_, deadline.left());
  }
  const Turn turn(busy_, free_);
  co_return co_await GetNow(std::move(queue), deadline.left());
}

Task<Result<std::optional<Delivery>>> Getter::GetNow(std::string queue, std::chrono::milliseconds timeout) {
  if (tags_->channel() == nullptr || !tags_->channel()->open()) {
    const auto connection = co_await link_->Ready(timeout);
    if (!connection) co_return std::unexpected(connection.error());
    auto opened = co_await (*connection)->OpenChannel(nullptr);
    if (!opened) co_return std::unexpected(opened.error());
    tags_->Begin(std::move(*opened));
  }
  const std::uint64_t epoch = tags_->epoch();
  Channel& channel = *tags_->channel();
  AppendGet(channel.out(), channel.number(), queue);
  auto reply = co_await channel.Expect(Method::kBasicGetOk, Method::kBasicGetEmpty);
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->method == Method::kBasicGetEmpty) co_return std::optional<Delivery>();
  Delivered delivered;
  if (!ReadGetOk(reply->payload, delivered))
    co_return Fail(ErrorCode::kInternal, "RabbitMQ: basic.get-ok is malformed");

  auto settlement = MakeSettlement(executor_, tags_, settling_, queue, epoch, delivered.tag);
  std::string why = "the body is larger than this client takes in";
  if (!reply->too_large) {
    auto received = ReadMessage(reply->properties, reply->body, delivered.redelivered, queue, StrictnessFor(queue));
    if (received) {
      co_return std::optional<Delivery>(
          Delivery(std::move(received->message), queue, received->deliveries, std::move(settlement)));
    }
    why = received.error().message();
  }
  // To the dead letters; the next one instead.
  const Status buried =
      co_await settlement->Bury(Undecodable(reply->properties, std::move(reply->body), queue, why, timers_.Now()));
  if (!buried) co_return std::unexpected(buried.error());
  co_return co_await GetNow(std::move(queue), timeout);
}

}  // namespace tidings::messaging::rabbitmq
