#include "lane.hpp"

#include <algorithm>

#include <tidings/messaging/failure_log.hpp>

namespace tidings::app {
namespace {

using messaging::Task;
using namespace std::chrono_literals;

constexpr std::uint16_t kHandlersAtOnce = 128;
constexpr std::uint16_t kAhead = 512;
// Well below the time for which a room waits for a number that is missing (RoomOrderBounds::gap): a piece that waits for its
// next try when its instance stops has come to the next one by then.
constexpr auto kLongestPause = 10s;
constexpr std::uint32_t kPatientTries = 60'000;

}  // namespace

messaging::Retry Patience() {
  messaging::Retry retry;
  retry.BackOff(100ms, 2.0, kLongestPause, kPatientTries);
  return retry;
}

Status AsAnswer(messaging::Context& context, const Status& handled) {
  if (handled) return handled;
  const ErrorCode code = handled.error().code();
  if (code == ErrorCode::kMalformed) return context.RejectUndecodable(handled.error().message());
  if (code == ErrorCode::kInvalid) return context.Reject(handled.error().message());
  return handled;
}

Lane::Lane(LaneOptions options, WorkerKind& kind, messaging::Transport& transport, messaging::Timers& timers)
    : options_(std::move(options)), kind_(kind), transport_(transport), timers_(timers) {}

void Lane::Close() {
  router_.reset();
  order_.reset();
  job_.reset();
  store_.reset();
}

Task<Status> Lane::Start() {
  const bool by_number = kind_.by_number();
  const std::string schema = (by_number ? std::string(kRoomOrderSchema) : std::string()) + std::string(kind_.schema());
  auto store = LaneStore::Open(transport_.executor(), options_.file, schema);
  if (!store) co_return std::unexpected(store.error());
  store_ = std::move(*store);
  Status ready;
  try {
    job_ = kind_.MakeJob(LaneGround(*store_, transport_, timers_, options_.consumer));
    if (by_number) {
      RoomOrderOptions options(options_.queue.empty() ? options_.consumer : options_.queue, options_.consumer);
      options.bounds = options_.bounds;
      order_ = std::make_unique<RoomOrder>(
          std::move(options), *store_, transport_, timers_,
          [this](const messaging::Message& piece, LaneUnit& unit) { return HandlePiece(piece, unit); });
    }
  } catch (const StoreFailure& failure) {
    ready = std::unexpected(failure.error());
  }
  if (ready && !options_.queue.empty()) ready = co_await Subscribe();
  if (!ready) {
    Close();
    co_return ready;
  }
  job_->Begin();
  if (order_) order_->Begin();
  co_return Status();
}

Task<Status> Lane::Subscribe() {
  router_ = std::make_unique<messaging::Router>(transport_, timers_);
  router_->Use(std::make_shared<messaging::FailureLog>(timers_.clock()));
  const auto subscribe = [this](auto&&... more) {
    router_->Subscribe(options_.queue, messaging::Named(options_.consumer), messaging::Concurrency(kHandlersAtOnce),
                       messaging::Prefetch(kAhead), messaging::OrderByKey(KeyOf), messaging::FinishInHand(), Patience(),
                       std::forward<decltype(more)>(more)...);
  };
  if (order_) {
    subscribe([this](messaging::Context& context) { return TakeByNumber(context); });
  } else {
    idempotent_ = std::make_unique<messaging::Idempotent>(*store_);
    subscribe(*idempotent_, [this](messaging::Context& context) { return Handle(context); });
  }
  co_return co_await router_->Start();
}

Status Lane::HandlePiece(const messaging::Message& piece, LaneUnit& unit) {
  try {
    return job_->Handle(piece, unit);
  } catch (const StoreFailure& failure) {
    return std::unexpected(failure.error());
  }
}

Task<Status> Lane::Handle(messaging::Context& context) {
  co_return AsAnswer(context, HandlePiece(context.message(), context.unit()->As<LaneUnit>()));
}

Task<Status> Lane::TakeByNumber(messaging::Context& context) {
  const messaging::Message& piece = context.message();
  // No piece of a splitter's: it could not be kept until its turn.
  if (KeyOf(piece).size() > messaging::Message::kMostKey)
    co_return context.RejectUndecodable("its room's name is too long");
  co_return AsAnswer(context, co_await order_->Take(piece.id, piece));
}

Task<Status> Lane::Apply(const std::string& event, const std::vector<messaging::Message>& pieces) {
  if (order_) {
    for (const messaging::Message& piece : pieces) {
      if (Status taken = co_await order_->Take(event, piece); !taken) co_return taken;
    }
    co_return Status();
  }
  auto begun = co_await store_->Begin();
  if (!begun) co_return std::unexpected(begun.error());
  LaneUnit& unit = (*begun)->As<LaneUnit>();
  const auto recorded = co_await unit.Record(event, options_.consumer, timers_.Now());
  if (!recorded) co_return std::unexpected(recorded.error());
  if (*recorded == messaging::Recorded::kBefore) co_return Status();
  for (const messaging::Message& piece : pieces) {
    if (Status handled = HandlePiece(piece, unit); !handled) co_return handled;
  }
  co_return co_await unit.Commit();
}

Task<void> Lane::Stop(std::chrono::milliseconds deadline) {
  const Millis until = timers_.Steady() + deadline.count();
  if (order_) order_->Halt();
  if (router_) co_await router_->Stop(deadline);
  if (order_) co_await order_->End();
  if (job_) co_await job_->End(std::chrono::milliseconds(std::max<Millis>(until - timers_.Steady(), 0)));
  // What was begun just before is committed.
  if (store_) std::ignore = co_await store_->Write([](sqlite::Database&) {});
  Close();
}

}  // namespace tidings::app
