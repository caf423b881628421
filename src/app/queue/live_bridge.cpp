#include "live_bridge.hpp"

#include <utility>

#include <tidings/app/queue_session.hpp>

namespace tidings::app {
namespace {

constexpr std::chrono::milliseconds kTurn{2'000};
// Less than whoever asks waits for an answer.
constexpr std::chrono::milliseconds kMostTroubleOfAPiece{5'000};

bool Passes(const Error& error) {
  const ErrorCode code = error.code();
  return code != ErrorCode::kInvalid && code != ErrorCode::kTooLarge && code != ErrorCode::kNotFound;
}

}  // namespace

LiveBridge::LiveBridge(messaging::Executor executor, LogBroker& broker, messaging::Timers& timers,
                       messaging::LossLedger& ledger, LogSources sources)
    : executor_(std::move(executor)),
      broker_(broker),
      timers_(timers),
      ledger_(ledger),
      sources_(sources),
      ended_(executor_) {}

messaging::Task<Result<BridgePiece>> LiveBridge::Move(std::string to) {
  BridgePiece piece;
  if (stopping_) co_return Fail(ErrorCode::kInvalid, "the server is shutting down");
  if (running_) {
    piece.busy = true;
    co_return piece;
  }
  running_ = true;
  const Status done = co_await Run(to, piece);
  bridge_.reset();
  target_.reset();
  running_ = false;
  ended_.NotifyAll();
  if (!done && !Passes(done.error())) co_return std::unexpected(done.error());
  if (!done) piece.trouble = done.error().message();
  co_return piece;
}

messaging::Task<Status> LiveBridge::Run(const std::string& to, BridgePiece& piece) {
  auto target = OpenTransport(to, executor_, timers_, ledger_, true);
  if (!target) co_return std::unexpected(target.error());
  target_ = std::move(*target);
  LogTransport source(broker_);
  BridgeOptions options;
  options.topology = broker_.topology();
  options.turn = kTurn;
  options.most_trouble = kMostTroubleOfAPiece;
  options.leave_consumed = true;
  bridge_ = std::make_unique<Bridge>(source, *target_, timers_, std::move(options));
  const chat::Position head = sources_.store.Head();
  Status done = co_await bridge_->Run();
  piece.moved = bridge_->moved();
  piece.whole = done && bridge_->left() && bridge_->left()->empty();
  piece.left = bridge_->left().value_or("");
  // The relay of this store, should it be started with a broker, goes on behind what was moved.
  if (piece.whole && head > kept_) sources_.engine.KeepCheckpoint("relay", kept_ = head);
  co_await target_->Close();
  co_return done;
}

messaging::Task<void> LiveBridge::Stop(std::chrono::milliseconds within) {
  stopping_ = true;
  if (bridge_) bridge_->Stop();
  const Millis until = timers_.Steady() + within.count();
  while (running_ && timers_.Steady() < until) {
    co_await ended_.WaitFor(timers_, std::chrono::milliseconds(until - timers_.Steady()));
  }
}

}  // namespace tidings::app
