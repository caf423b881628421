#include <tidings/messaging/sqlite/outbox.hpp>

#include <algorithm>
#include <functional>
#include <tuple>

#include "outbox_core.hpp"

namespace tidings::messaging {

using embedded::OutboxCore;
using embedded::OutboxRows;

namespace {

constexpr std::size_t kMostDeadTogether = 1'000;

Status CheckOutgoing(const Outgoing& outgoing, const OutboxOptions& options) {
  if (Status checked = Check(outgoing.message); !checked) return checked;
  if (outgoing.message.body.size() > options.most_body) {
    return Fail(ErrorCode::kTooLarge, "a body in the outbox has at most " + std::to_string(options.most_body) +
                                          " bytes, not " + std::to_string(outgoing.message.body.size()));
  }
  if (outgoing.to.is_queue() ? outgoing.to.routing_key().empty() : outgoing.to.exchange().empty()) {
    return Fail(ErrorCode::kInvalid, "a message to nowhere: name a queue or an exchange");
  }
  if (Status named = CheckName(outgoing.to.is_queue() ? outgoing.to.routing_key() : outgoing.to.exchange()); !named) {
    return named;
  }
  if (outgoing.options.delay.count() > 0 && !outgoing.to.is_queue()) {
    return Fail(ErrorCode::kInvalid, "only what goes to a queue may be delayed");
  }
  return {};
}

Status Write(sqlite::Database& database, const Outgoing& outgoing, Millis now, const OutboxOptions& options) {
  auto& rows = database.Slot<OutboxRows>();
  if (const std::uint64_t waiting = rows.Count().first; waiting >= options.most_rows) {
    return Fail(ErrorCode::kUnavailable, "refused: " + std::to_string(waiting) +
                                             " messages wait in the outbox; its forwarder, or the broker, is behind");
  }
  rows.Insert(outgoing, now);
  return {};
}

// Calls `each` for the dead rows that are named, or for all, a transaction for each thousand.
Task<Result<std::uint64_t>> ForDead(std::shared_ptr<OutboxCore> core, std::vector<std::int64_t> named,
                                    std::function<bool(OutboxRows&, std::int64_t)> each) {
  const bool all = named.empty();
  std::uint64_t done = 0;
  std::size_t place = 0;
  std::int64_t after = 0;
  for (;;) {
    const auto ids = std::make_shared<std::vector<std::int64_t>>();
    if (!all) {
      const std::size_t count = std::min(named.size() - place, kMostDeadTogether);
      const auto begin = named.begin() + static_cast<std::ptrdiff_t>(place);
      ids->assign(begin, begin + static_cast<std::ptrdiff_t>(count));
      place += count;
    }
    const auto changed = std::make_shared<std::uint64_t>(0);
    SqliteUnit::Effect effect = [=](sqlite::Database& database) -> Status {
      auto& rows = database.Slot<OutboxRows>();
      if (all) *ids = rows.DeadIds(after, kMostDeadTogether);
      for (const std::int64_t id : *ids) *changed += each(rows, id) ? 1 : 0;
      return {};
    };
    if (Status written = co_await core->Transact(std::move(effect)); !written) {
      co_return std::unexpected(written.error());
    }
    done += *changed;
    if (ids->size() < kMostDeadTogether) co_return done;
    after = ids->back();
  }
}

}  // namespace

SqliteOutbox::SqliteOutbox(SqliteInbox& inbox, Timers& timers, OutboxOptions options)
    : core_(std::make_shared<OutboxCore>(inbox.core_, timers, options)) {}
SqliteOutbox::~SqliteOutbox() { core_->BeginStop(); }

Status SqliteOutbox::MakeTables(sqlite::Database& database) { return OutboxRows::MakeTables(database); }

Status SqliteOutbox::Publish(SqliteUnit& unit, Address to, Message message, PublishOptions options) {
  Outgoing outgoing(std::move(to), std::move(message), options);
  if (Status checked = CheckOutgoing(outgoing, core_->options()); !checked) return checked;
  unit.OnCommit([outgoing = std::move(outgoing), now = core_->Now(), bounds = core_->options()](
                    sqlite::Database& database) -> Status { return Write(database, outgoing, now, bounds); });
  unit.AfterCommit([weak = std::weak_ptr(core_)] {
    if (const auto core = weak.lock()) core->Wake();
  });
  return {};
}

Status SqliteOutbox::PublishIn(sqlite::Database& database, const Outgoing& outgoing, Millis now,
                               const OutboxOptions& options) {
  if (Status checked = CheckOutgoing(outgoing, options); !checked) return checked;
  return Write(database, outgoing, now, options);
}

void SqliteOutbox::Wake() { core_->Wake(); }
Task<Status> SqliteOutbox::Run(Transport& transport) { return core_->Run(transport); }
Task<void> SqliteOutbox::Stop() { return core_->Stop(); }
const OutboxStats& SqliteOutbox::stats() const { return core_->stats(); }

Task<Result<OutboxBacklog>> SqliteOutbox::Backlog() {
  const auto core = core_;
  const auto backlog = std::make_shared<OutboxBacklog>();
  SqliteUnit::Effect effect = [backlog, now = core->Now()](sqlite::Database& database) -> Status {
    auto& rows = database.Slot<OutboxRows>();
    std::tie(backlog->rows, backlog->dead) = rows.Count();
    if (const auto oldest = rows.Oldest())
      backlog->oldest = std::chrono::milliseconds(std::max<Millis>(now - *oldest, 0));
    return {};
  };
  if (Status read = co_await core->Transact(std::move(effect)); !read) co_return std::unexpected(read.error());
  co_return *backlog;
}

Task<Result<std::vector<DeadRow>>> SqliteOutbox::Dead(std::int64_t after, std::size_t most) {
  const auto core = core_;
  const auto dead = std::make_shared<std::vector<DeadRow>>();
  SqliteUnit::Effect effect = [=](sqlite::Database& database) -> Status {
    *dead = database.Slot<OutboxRows>().Dead(after, std::min(most, kMostDeadTogether));
    return {};
  };
  if (Status read = co_await core->Transact(std::move(effect)); !read) co_return std::unexpected(read.error());
  co_return std::move(*dead);
}

Task<Result<std::uint64_t>> SqliteOutbox::Replay(std::vector<std::int64_t> rows) {
  const auto core = core_;
  auto each = [now = core->Now()](OutboxRows& table, std::int64_t id) { return table.Replay(id, now); };
  auto replayed = co_await ForDead(core, std::move(rows), std::move(each));
  core->Wake();
  co_return replayed;
}

Task<Result<std::uint64_t>> SqliteOutbox::Purge(std::vector<std::int64_t> rows) {
  const auto core = core_;
  const auto purged = std::make_shared<std::vector<std::string>>();
  auto each = [purged](OutboxRows& table, std::int64_t id) {
    auto target = table.Purge(id);
    if (!target) return false;
    purged->push_back(*std::move(target));
    return true;
  };
  auto count = co_await ForDead(core, std::move(rows), std::move(each));
  if (count && core->options().ledger != nullptr) {
    for (const std::string& where : *purged) core->options().ledger->Count(LossCause::kPurged, where);
  }
  co_return count;
}

}  // namespace tidings::messaging
