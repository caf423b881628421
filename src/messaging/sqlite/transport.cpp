#include <tidings/messaging/sqlite/transport.hpp>

#include <algorithm>
#include <utility>

#include "core.hpp"
#include "file_consumer.hpp"
#include "file_streams.hpp"
#include "schema.hpp"

namespace tidings::messaging {

using embedded::Core;
using embedded::Desk;

namespace {

// Messages of one PublishAll that share a commit.
constexpr std::size_t kMostAtOnce = 1'024;
constexpr std::uint16_t kMostPrefetch = 10'000;

template <class T>
Task<Result<T>> Refused(Error error) {
  co_return std::unexpected(std::move(error));
}

Status CheckOutgoing(const Address& to, const Message& message, const PublishOptions& options) {
  if (options.delay.count() < 0 || (options.ttl && options.ttl->count() < 0)) {
    return Fail(ErrorCode::kInvalid, "a message's delay and time to live are not negative");
  }
  if (options.delay.count() > 0 && !to.is_queue()) {
    return Fail(ErrorCode::kInvalid, "a message with a delay goes to a queue, not to an exchange");
  }
  return Check(message);
}

Result<std::unique_ptr<Desk>> OpenDesk(embedded::QueueFile& file, const Clock& clock) {
  try {
    auto desk = std::make_unique<Desk>(file, clock);
    file.Begin();
    desk->Open();
    file.Commit();
    (void)desk->TakeOutbox();
    file.Tidy();
    return desk;
  } catch (const sqlite::SqliteFailure& failure) {
    file.Rollback();
    return std::unexpected(failure.error().Within("the queues cannot be opened"));
  }
}

}  // namespace

class SqliteTransport::Parts {
 public:
  Parts(Executor executor, Timers& timers, LossLedger& ledger)
      : core(std::make_shared<Core>(std::move(executor), timers, ledger)), streams(core), pub_sub(core) {}
  ~Parts() { core->Close(); }

  Capabilities capabilities;
  std::shared_ptr<Core> core;
  embedded::FileStreams streams;
  embedded::FilePubSub pub_sub;
};

Result<std::unique_ptr<SqliteTransport>> SqliteTransport::Open(Executor executor, Timers& timers, LossLedger& ledger,
                                                               const Options& options) {
  embedded::QueueFile::Options at;
  at.folder = options.folder;
  at.vfs = options.vfs;
  at.sync_folder = options.sync_folder;
  auto file = embedded::QueueFile::Open(at, embedded::MakeSchema);
  if (!file) return std::unexpected(file.error());
  auto desk = OpenDesk(**file, timers.clock());
  if (!desk) return std::unexpected(desk.error());

  auto parts = std::make_unique<Parts>(std::move(executor), timers, ledger);
  Capabilities& can = parts->capabilities;
  can.durable = can.ordered = can.exchanges = can.delay = can.shared = can.leases = true;
  can.single_active = can.lists_queues = true;
  can.pub_sub = can.streams = can.stream_groups = can.stream_trim = true;
  embedded::Worker::Options worker;
  worker.most_waiting = options.most_waiting;
  worker.probe_every = options.probe_every;
  worker.poll_every = options.poll_every;
  worker.fatal = options.fatal;
  parts->core->Start(*std::move(file), *std::move(desk), std::move(worker));
  return std::unique_ptr<SqliteTransport>(new SqliteTransport(std::move(parts)));
}

SqliteTransport::SqliteTransport(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SqliteTransport::~SqliteTransport() = default;

const Capabilities& SqliteTransport::capabilities() const { return parts_->capabilities; }
Executor SqliteTransport::executor() { return parts_->core->executor(); }
std::uint64_t SqliteTransport::commits() const { return parts_->core->commits(); }
PubSub* SqliteTransport::pub_sub() { return &parts_->pub_sub; }
Streams* SqliteTransport::streams() { return &parts_->streams; }

Task<Status> SqliteTransport::Declare(Topology topology) {
  co_return co_await parts_->core->Call<void>(
      false, [topology = std::move(topology)](Desk& desk) { return desk.Declare(topology); });
}

Task<Result<std::size_t>> SqliteTransport::Publish(Address to, Message message, PublishOptions options) {
  if (auto valid = CheckOutgoing(to, message, options); !valid) return Refused<std::size_t>(std::move(valid.error()));
  // It is not essential, so it runs once.
  return parts_->core->Call<std::size_t>(
      false, [to = std::move(to), message = std::move(message), options](Desk& desk) mutable {
        return desk.Publish(to, std::move(message), options);
      });
}

Task<Status> SqliteTransport::PublishAll(std::vector<Outgoing> messages) {
  for (const Outgoing& outgoing : messages) {
    if (auto valid = CheckOutgoing(outgoing.to, outgoing.message, outgoing.options); !valid) co_return valid;
  }
  const auto all = std::make_shared<std::vector<Outgoing>>(std::move(messages));
  for (std::size_t begin = 0; begin < all->size(); begin += kMostAtOnce) {
    const std::size_t end = std::min(all->size(), begin + kMostAtOnce);
    auto published = co_await parts_->core->Call<void>(false, [all, begin, end](Desk& desk) -> Status {
      for (std::size_t i = begin; i < end; ++i) {
        Outgoing& outgoing = (*all)[i];
        const auto accepted = desk.Publish(outgoing.to, std::move(outgoing.message), outgoing.options);
        if (!accepted) return std::unexpected(accepted.error());
      }
      return {};
    });
    if (!published) co_return published;
  }
  co_return Status();
}

Task<Result<std::optional<Delivery>>> SqliteTransport::Pop(std::string queue, std::chrono::milliseconds timeout) {
  return embedded::PopOne(parts_->core, std::move(queue), timeout);
}

Task<Result<std::unique_ptr<Consumer>>> SqliteTransport::Consume(std::string queue, ConsumeOptions options) {
  if (options.prefetch == 0 || options.prefetch > kMostPrefetch) {
    co_return Fail(ErrorCode::kInvalid, "a consumer prefetches 1 to 10,000 messages");
  }
  const auto core = parts_->core;
  const embedded::ConsumerId id = core->NewConsumer();
  auto inbox = co_await core->Open(id, std::move(queue), options.prefetch, options.lease, true);
  if (!inbox) co_return std::unexpected(inbox.error());
  co_return std::make_unique<embedded::FileConsumer>(core, id, *std::move(inbox));
}

Task<Result<QueueStats>> SqliteTransport::Stats(std::string queue) {
  co_return co_await parts_->core->Call<QueueStats>(false, [=](Desk& desk) { return desk.Stats(queue); });
}

Task<Result<std::uint64_t>> SqliteTransport::Purge(std::string queue) {
  co_return co_await parts_->core->Call<std::uint64_t>(false, [=](Desk& desk) { return desk.Purge(queue); });
}

Task<Status> SqliteTransport::DeleteQueue(std::string queue) {
  co_return co_await parts_->core->Call<void>(false, [=](Desk& desk) { return desk.DeleteQueue(queue); });
}

Task<Result<std::vector<std::string>>> SqliteTransport::Queues() {
  co_return co_await parts_->core->Call<std::vector<std::string>>(
      false, [](Desk& desk) -> Result<std::vector<std::string>> { return desk.QueueNames(); });
}

Task<void> SqliteTransport::Close() {
  const auto core = parts_->core;
  if (core->closed()) co_return;
  // What was published before is done when this is; what is left in exclusive queues is counted while there is a ledger.
  (void)co_await core->Call<void>(false, [](Desk& desk) -> Status {
    desk.EndExclusive();
    return {};
  });
  core->Close();
}

}  // namespace tidings::messaging
