#include <tidings/messaging/sqlite/inbox.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <filesystem>

#include "inbox_core.hpp"

namespace tidings::messaging {

using embedded::InboxCore;
using embedded::InboxOrder;
using embedded::InboxPlace;
using embedded::InboxRecord;
using embedded::InboxRows;
using embedded::InboxWriter;
using embedded::QueueFile;

namespace embedded {

InboxCore::InboxCore(Executor executor, std::unique_ptr<sqlite::Database> reader, std::unique_ptr<InboxWriter> writer)
    : executor_(std::move(executor)), reader_(std::move(reader)), lookup_(*reader_), writer_(std::move(writer)) {}

Result<Recorded> InboxCore::Record(const InboxRecord& record) {
  Key key(record.message_id, record.consumer);
  if (open_.contains(key)) {
    return Fail(ErrorCode::kConflict, "message " + key.first + " is being handled by " + key.second);
  }
  try {
    if (lookup_.Has(key.first, key.second)) return Recorded::kBefore;
  } catch (const sqlite::SqliteFailure& failure) {
    return std::unexpected(failure.error().Within("whether message " + key.first + " was handled is unknown"));
  }
  open_.insert(std::move(key));
  return Recorded::kFirst;
}

Result<std::optional<std::uint64_t>> InboxCore::Position(std::string_view consumer, std::string_view sequence) {
  try {
    return lookup_.Position(consumer, sequence);
  } catch (const sqlite::SqliteFailure& failure) {
    return std::unexpected(failure.error().Within("how far a key is handled is unknown"));
  }
}

Task<std::unique_ptr<InboxOrder>> InboxCore::Commit(std::unique_ptr<InboxOrder> order) {
  const auto self = shared_from_this();
  auto initiate = [&](auto handler) {
    auto working = boost::asio::prefer(executor_, boost::asio::execution::outstanding_work.tracked);
    order->done = [working = std::move(working),
                   handler = std::move(handler)](std::unique_ptr<InboxOrder> back) mutable {
      boost::asio::post(working, [handler = std::move(handler), back = std::move(back)]() mutable {
        std::move(handler)(std::move(back));
      });
    };
    writer_->Submit(std::move(order));
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                                 void(std::unique_ptr<InboxOrder>)>(initiate,
                                                                                    boost::asio::use_awaitable);
}

}  // namespace embedded

Result<std::unique_ptr<SqliteInbox>> SqliteInbox::Open(Executor executor, Options options) {
  const std::filesystem::path path = std::filesystem::path(options.file).lexically_normal();
  QueueFile::Options at;
  at.folder = path.has_parent_path() ? path.parent_path().string() : ".";
  at.file = path.filename().string();
  at.vfs = options.vfs;
  at.sync_folder = options.sync_folder;
  if (at.file.empty()) return Fail(ErrorCode::kInternal, "no file is named for the inbox; name one");
  auto file = QueueFile::Open(at, [&](sqlite::Database& database) -> Status {
    database.Execute("BEGIN IMMEDIATE");
    InboxRows::MakeTable(database);
    if (options.prepare) {
      if (Status prepared = options.prepare(database); !prepared) {
        database.Rollback();
        return prepared;
      }
    }
    database.Execute("COMMIT");
    return {};
  });
  if (!file) return std::unexpected(file.error());
  try {
    auto reader =
        std::make_unique<sqlite::Database>((*file)->database().path(), sqlite::Database::Mode::kReader, options.vfs);
    auto writer = std::make_unique<InboxWriter>(*std::move(file), options);
    auto core = std::make_shared<InboxCore>(std::move(executor), std::move(reader), std::move(writer));
    return std::unique_ptr<SqliteInbox>(new SqliteInbox(std::move(core)));
  } catch (const sqlite::SqliteFailure& failure) {
    return std::unexpected(failure.error().Within("the inbox cannot be opened"));
  }
}

SqliteInbox::SqliteInbox(std::shared_ptr<InboxCore> core) : core_(std::move(core)) {}
SqliteInbox::~SqliteInbox() { core_->Close(); }
std::uint64_t SqliteInbox::commits() const { return core_->commits(); }

Task<Result<std::unique_ptr<InboxUnit>>> SqliteInbox::Begin() { co_return std::make_unique<SqliteUnit>(core_); }

Task<Result<std::uint64_t>> SqliteInbox::Forget(Millis before) {
  const auto core = core_;
  std::uint64_t forgotten = 0;
  for (;;) {
    auto order = std::make_unique<InboxOrder>();
    order->forget = before;
    order = co_await core->Commit(std::move(order));
    if (!order->outcome) co_return std::unexpected(order->outcome.error());
    forgotten += order->forgotten;
    if (order->forgotten < InboxWriter::kMostForgotten) co_return forgotten;
  }
}

Task<Result<std::optional<std::uint64_t>>> SqliteInbox::Position(std::string consumer, std::string sequence) {
  co_return core_->Position(consumer, sequence);
}

void SqliteInbox::MakeTable(sqlite::Database& database) { InboxRows::MakeTable(database); }

Recorded SqliteInbox::RecordIn(sqlite::Database& database, std::string_view message_id, std::string_view consumer,
                               Millis now) {
  return database.Slot<InboxRows>().Insert(message_id, consumer, now) ? Recorded::kFirst : Recorded::kBefore;
}

SqliteUnit::SqliteUnit(std::shared_ptr<InboxCore> core) : core_(std::move(core)) {}

SqliteUnit::~SqliteUnit() { Drop(); }

void SqliteUnit::Drop() {
  for (const InboxRecord& record : records_) core_->Drop(record);
  records_.clear();
}

Task<Result<Recorded>> SqliteUnit::Record(std::string message_id, std::string consumer, Millis now) {
  InboxRecord record(std::move(message_id), std::move(consumer), now);
  auto recorded = core_->Record(record);
  if (recorded && *recorded == Recorded::kFirst) records_.push_back(std::move(record));
  co_return recorded;
}

void SqliteUnit::Advance(std::string consumer, std::string sequence, std::uint64_t number, Millis now) {
  places_.emplace_back(std::move(consumer), std::move(sequence), number, now);
}

Task<Status> SqliteUnit::Commit() {
  auto order = std::make_unique<InboxOrder>();
  order->records = records_;
  order->places = std::exchange(places_, {});
  order->effects = std::exchange(effects_, {});
  order = co_await core_->Commit(std::move(order));
  Drop();
  auto told = std::exchange(told_, {});
  if (order->outcome) {
    for (auto& tell : told) tell();
  }
  co_return std::move(order->outcome);
}

}  // namespace tidings::messaging
