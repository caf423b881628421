#include "room_order.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <limits>

#include <tidings/base/log.hpp>
#include <tidings/messaging/delivery.hpp>

#include "worker_kind.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::uint64_t kAnyNumber = 0;
constexpr std::uint64_t kNothing = std::numeric_limits<std::uint64_t>::max();
// Larger ones would be no numbers of a log.
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 53;
constexpr std::size_t kPiecesAtOnce = 200;  // pieces of one commit
constexpr auto kAfterFailure = 1s;
// A key that was silent for so long begins anew, with a look: that is all that its position is worth.
constexpr std::int64_t kKeptDays = 90;
constexpr auto kForgetEvery = 1h;
constexpr std::size_t kForgetAtOnce = 1'000;
constexpr Millis kDay = 86'400'000;

}  // namespace

RoomOrder::Turn::~Turn() {
  if (order_ == nullptr) return;
  order_->busy_.erase(key_);
  if (order_->turns_.waited_for()) order_->turns_.NotifyAll();
}

RoomOrder::RoomOrder(RoomOrderOptions options, LaneStore& store, messaging::Transport& transport,
                     messaging::Timers& timers, Handling handle)
    : options_(std::move(options)),
      store_(store),
      transport_(transport),
      timers_(timers),
      handle_(std::move(handle)),
      turns_(transport.executor()),
      changed_(transport.executor()) {
  early_ = rows().EarlyCount();
  for (const auto& [key, number] : rows().Waiting()) {
    const auto position = rows().Position(key);
    if (!position) {
      WaitFor(key, kAnyNumber, options_.bounds.look);
    } else if (number > *position + 1) {
      WaitFor(key, *position + 1, options_.bounds.gap);
    } else {
      WaitFor(key, kNothing, 0ms);
    }
  }
}

std::int64_t RoomOrder::Today() const { return timers_.Now() / kDay; }

Task<RoomOrder::Turn> RoomOrder::TurnOf(std::string key) {
  while (busy_.contains(key)) {
    co_await turns_.Wait();
    if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
      throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
  }
  busy_.insert(key);
  co_return Turn(*this, std::move(key));
}

void RoomOrder::WaitFor(const std::string& key, std::uint64_t missing, milliseconds time) {
  WaitNoMore(key);
  const Millis due = timers_.Steady() + time.count();
  waits_[key] = Wait{missing, due};
  dues_.emplace(due, key);
  if (dues_.begin()->second == key) changed_.NotifyAll();
}

void RoomOrder::WaitNoMore(const std::string& key) {
  const auto found = waits_.find(key);
  if (found == waits_.end()) return;
  dues_.erase({found->second.due, key});
  waits_.erase(found);
}

Task<Status> RoomOrder::Take(std::string id, const messaging::Message& piece) {
  // One goes on for each that comes.
  if (early_ >= options_.bounds.most && !dues_.empty()) co_await GoOnWithOldest(true);
  const std::string key = KeyOf(piece);
  const Turn turn = co_await TurnOf(key);
  Status taken;
  try {
    taken = co_await TakeInTurn(std::move(id), piece, key);
  } catch (const StoreFailure& failure) {
    taken = std::unexpected(failure.error());
  }
  co_return taken;
}

Task<Status> RoomOrder::TakeInTurn(std::string id, const messaging::Message& piece, const std::string& key) {
  auto begun = co_await store_.Begin();
  if (!begun) co_return std::unexpected(begun.error());
  LaneUnit& unit = (*begun)->As<LaneUnit>();
  const auto recorded = co_await unit.Record(std::move(id), options_.consumer, timers_.Now());
  if (!recorded) co_return std::unexpected(recorded.error());
  if (*recorded == messaging::Recorded::kBefore) co_return Status();
  const std::uint64_t number = piece.headers.Number(kNumberHeader).value_or(0);
  if (number == 0 || number > kMostNumber || key.empty()) {
    Status handled = handle_(piece, unit);
    if (!handled) co_return handled;
    co_return co_await unit.Commit();
  }
  const auto position = rows().Position(key);
  if (number > position.value_or(0) + 1) co_return co_await Park(unit, piece, key, number, position);
  Status handled = co_await HandleNow(unit, piece, key, number, position);
  if (!handled && !NoUse(handled)) co_return handled;
  if (waits_.contains(key)) {
    // What waited has its own tries; the piece is done.
    if (Status gone_on = co_await GoOn(key, std::nullopt); !gone_on) WaitFor(key, kNothing, kAfterFailure);
  }
  co_return handled;
}

Task<Status> RoomOrder::Park(LaneUnit& unit, const messaging::Message& piece, const std::string& key,
                             std::uint64_t number, std::optional<std::uint64_t> position) {
  unit.Write([key, number, piece](sqlite::Database& database) { database.Slot<RoomRows>().Note(key, number, piece); });
  Status parked = co_await unit.Commit();
  if (!parked) co_return parked;
  ++early_;
  if (!waits_.contains(key)) {
    if (position) {
      WaitFor(key, *position + 1, options_.bounds.gap);
    } else {
      WaitFor(key, kAnyNumber, options_.bounds.look);
    }
  }
  co_return parked;
}

Task<Status> RoomOrder::HandleNow(LaneUnit& unit, const messaging::Message& piece, const std::string& key,
                                  std::uint64_t number, std::optional<std::uint64_t> position) {
  const bool late = position && number <= *position;
  Status handled = handle_(piece, unit);
  if (!handled && !NoUse(handled)) co_return handled;
  const auto note = [key, number, late, day = Today()](sqlite::Database& database) {
    auto& rows = database.Slot<RoomRows>();
    if (late) {
      rows.CountLate(1);
    } else {
      rows.Move(key, number, day);
    }
  };
  if (!handled) {
    // Among the dead letters, unknown to the inbox; its place is taken all the same.
    if (Status noted = co_await store_.Write(note); !noted) co_return noted;
    co_return handled;
  }
  unit.Write(note);
  co_return co_await unit.Commit();
}

Task<Status> RoomOrder::GoOn(const std::string& key, std::optional<std::uint64_t> over) {
  while (!stopping_) {
    const auto early = rows().Early(key, kPiecesAtOnce);
    if (early.empty()) {
      WaitNoMore(key);
      co_return Status();
    }
    const auto position = rows().Position(key);
    const std::uint64_t first = early.front().number;
    std::uint64_t after = position.value_or(0);
    std::uint64_t missed = 0;
    if (first > after + 1) {
      const std::uint64_t missing = position ? after + 1 : kAnyNumber;
      if (over != missing) {
        const auto wait = waits_.find(key);
        if (wait == waits_.end() || wait->second.missing != missing) {
          WaitFor(key, missing, position ? options_.bounds.gap : options_.bounds.look);
        }
        co_return Status();
      }
      if (position) missed = first - after - 1;
      after = first - 1;
    }
    const auto handled = co_await HandleEarly(key, after, early, missed);
    if (!handled) co_return std::unexpected(handled.error());
    early_ -= *handled;
    if (missed == 0) continue;
    log::Warning("numbers_missed", {{"consumer", options_.consumer},
                                    {"key", key},
                                    {"first", first - missed},
                                    {"last", first - 1},
                                    {"waited_ms", options_.bounds.gap.count()}});
  }
  co_return Status();
}

Task<Result<std::size_t>> RoomOrder::HandleEarly(const std::string& key, std::uint64_t position,
                                                 const std::vector<EarlyPiece>& early, std::uint64_t missed) {
  auto begun = co_await store_.Begin();
  if (!begun) co_return std::unexpected(begun.error());
  LaneUnit& unit = (*begun)->As<LaneUnit>();
  std::size_t count = 0;
  for (const EarlyPiece& piece : early) {
    if (piece.number > position + 1) break;
    Status handled = handle_(piece.message, unit);
    if (NoUse(handled)) handled = co_await Bury(piece.message, handled.error());
    if (!handled && count == 0) co_return std::unexpected(handled.error());
    if (!handled) break;
    unit.Write([key, number = piece.number, id = piece.message.id](sqlite::Database& database) {
      database.Slot<RoomRows>().Remove(key, number, id);
    });
    position = std::max(position, piece.number);
    ++count;
  }
  unit.Write([key, position, missed, day = Today()](sqlite::Database& database) {
    auto& rows = database.Slot<RoomRows>();
    rows.Move(key, position, day);
    if (missed > 0) rows.CountMissed(missed);
  });
  if (Status committed = co_await unit.Commit(); !committed) co_return std::unexpected(committed.error());
  co_return count;
}

// With another id: the inbox knows its own, and a replay is no repeat.
Task<Status> RoomOrder::Bury(const messaging::Message& piece, const Error& error) {
  constexpr std::string_view kAgain = ".again";
  messaging::Message letter = piece;
  if (letter.id.size() + kAgain.size() <= messaging::Message::kMostId) letter.id += kAgain;
  const auto reason =
      error.code() == ErrorCode::kMalformed ? messaging::DeathReason::kUndecodable : messaging::DeathReason::kRejected;
  messaging::MarkDead(letter, reason, error.message(), options_.queue, timers_.Now());
  messaging::Address to = messaging::Address::Queue(messaging::DeadLetterQueue(options_.queue));
  const auto buried = co_await transport_.Publish(std::move(to), std::move(letter), messaging::PublishOptions());
  if (!buried) co_return std::unexpected(buried.error());
  co_return Status();
}

Task<void> RoomOrder::GoOnWithOldest(bool before_due) {
  const std::string key = dues_.begin()->second;
  const Turn turn = co_await TurnOf(key);
  const auto wait = waits_.find(key);
  if (wait == waits_.end() || (wait->second.due > timers_.Steady() && !before_due)) co_return;
  Status gone_on;
  try {
    gone_on = co_await GoOn(key, wait->second.missing);
  } catch (const StoreFailure& failure) {
    gone_on = std::unexpected(failure.error());
  }
  if (gone_on) co_return;
  log::Err("order_stands_still",
           {{"consumer", options_.consumer}, {"key", key}, {"reason", gone_on.error().message()}});
  WaitFor(key, kNothing, kAfterFailure);
}

void RoomOrder::Begin() {
  running_ = true;
  boost::asio::co_spawn(transport_.executor(), Run(), boost::asio::detached);
}

void RoomOrder::Halt() {
  stopping_ = true;
  changed_.NotifyAll();
}

Task<void> RoomOrder::End() {
  Halt();
  while (running_) co_await changed_.WaitFor(timers_, 1s);
}

Task<void> RoomOrder::Run() {
  Millis forget_at = timers_.Steady();
  while (!stopping_) {
    const Millis now = timers_.Steady();
    if (now >= forget_at) {
      co_await ForgetOld();
      forget_at = timers_.Steady() + milliseconds(kForgetEvery).count();
    } else if (!dues_.empty() && dues_.begin()->first <= now) {
      co_await GoOnWithOldest(false);
    } else {
      const Millis next = dues_.empty() ? forget_at : std::min(forget_at, dues_.begin()->first);
      co_await changed_.WaitFor(timers_, milliseconds(next - now));
    }
  }
  running_ = false;
  changed_.NotifyAll();
}

Task<void> RoomOrder::ForgetOld() {
  const std::int64_t before = Today() - kKeptDays;
  std::int64_t forgotten = 0;
  do {
    const Status done = co_await store_.Write([&forgotten, before](sqlite::Database& database) {
      forgotten = database.Slot<RoomRows>().Forget(before, kForgetAtOnce);
    });
    if (!done) co_return;
  } while (forgotten > 0 && !stopping_);
}

}  // namespace tidings::app
