#include "link.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>

namespace tidings::messaging::rabbitmq {

Link::Link(Executor executor, Timers& timers, Url url, LinkOptions options, Prepare prepare)
    : executor_(std::move(executor)),
      timers_(timers),
      url_(std::move(url)),
      options_(std::move(options)),
      prepare_(std::move(prepare)),
      changed_(executor_) {}

Task<Result<std::shared_ptr<Connection>>> Link::Ready(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  const Deadline deadline(timers_, timeout);
  if (!running_ && !stopped_) {
    running_ = true;
    boost::asio::co_spawn(executor_, [self]() -> Task<void> { co_await self->Run(); }, boost::asio::detached);
  }
  while (!stopped_) {
    if (auto ready = current()) co_return ready;
    if (deadline.over()) {
      co_return Fail(ErrorCode::kUnavailable, "no connection to " + url_.Shown() + " within " +
                                                  std::to_string(timeout.count()) + " ms: " + trouble_);
    }
    co_await changed_.WaitFor(timers_, deadline.left());
  }
  co_return Fail(ErrorCode::kUnavailable, "the transport is closed");
}

std::shared_ptr<Connection> Link::current() const { return connection_ && connection_->open() ? connection_ : nullptr; }

// A quarter to a whole of first_pause doubled per failure: clients of a broker that restarts do not come all at once.
std::chrono::milliseconds Link::Pause(int failures) const {
  std::int64_t most = options_.first_pause.count();
  for (int i = 1; i < failures && most < options_.most_pause.count(); ++i) most *= 2;
  most = std::max<std::int64_t>(std::min<std::int64_t>(most, options_.most_pause.count()), 4);
  return std::chrono::milliseconds(
      most / 4 + static_cast<std::int64_t>(RandomU64() % static_cast<std::uint64_t>(most * 3 / 4 + 1)));
}

Task<void> Link::Run() {
  int failures = 0;
  while (!stopped_) {
    auto opened = co_await Connection::Open(executor_, timers_, url_, options_.connection);
    if (stopped_) {
      if (opened) (*opened)->Abort(Error(ErrorCode::kUnavailable, "the transport is closed"));
      co_return;
    }
    Status prepared = opened ? Status() : Status(std::unexpected(opened.error()));
    if (prepared && prepare_) {
      prepared = co_await prepare_(*opened);
      if (!prepared) (*opened)->Abort(prepared.error());
    }
    if (stopped_) {
      if (opened) (*opened)->Abort(Error(ErrorCode::kUnavailable, "the transport is closed"));
      co_return;
    }
    if (prepared) {
      failures = 0;
      connection_ = *opened;
      ++times_connected_;
      changed_.NotifyAll();
      co_await connection_->Ended();
      trouble_ = connection_->error().message();
    } else {
      trouble_ = prepared.error().message();
    }
    if (stopped_) co_return;
    ++failures;
    log::Debug("rabbitmq connection lost", {{"why", trouble_}, {"failures", failures}});
    co_await changed_.WaitFor(timers_, Pause(failures));
  }
}

Task<void> Link::Stop() {
  if (stopped_) co_return;
  stopped_ = true;
  const auto self = shared_from_this();
  const auto connection = current();
  changed_.NotifyAll();
  if (connection) co_await connection->Close();
}

void Link::Abandon() {
  stopped_ = true;
  changed_.NotifyAll();
  if (const auto connection = current()) connection->Abort(Error(ErrorCode::kUnavailable, "the transport is closed"));
}

}  // namespace tidings::messaging::rabbitmq
