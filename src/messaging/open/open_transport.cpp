#include <tidings/messaging/open/open_transport.hpp>

#include <string>
#include <utility>

#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>
#include <tidings/messaging/redis/redis_transport.hpp>
#include <tidings/messaging/sqlite/transport.hpp>

namespace tidings::messaging {
namespace {

using Opened = Result<std::unique_ptr<Transport>>;

template <class T>
Opened Widened(Result<std::unique_ptr<T>> made) {
  if (!made) return std::unexpected(std::move(made.error()));
  return std::unique_ptr<Transport>(std::move(*made));
}

Opened OpenSqlite(Executor executor, Timers& timers, LossLedger& ledger, std::string_view folder) {
  if (folder.starts_with("//")) {
    if (!folder.starts_with("///")) {
      return Fail(ErrorCode::kInvalid,
                  "sqlite: knows no hosts: write sqlite:FOLDER or, with an absolute path, sqlite:///FOLDER");
    }
    folder.remove_prefix(2);
  }
  if (folder.empty()) return Fail(ErrorCode::kInvalid, "sqlite: names no folder: write sqlite:FOLDER");
  SqliteTransport::Options options;
  options.folder = folder;
  return Widened(SqliteTransport::Open(std::move(executor), timers, ledger, options));
}

Opened OpenRedis(Executor executor, Timers& timers, LossLedger& ledger, std::string_view address) {
  auto url = redis::RedisUrl::Parse(address);
  if (!url) return std::unexpected(std::move(url.error()));
  redis::RedisOptions options(std::move(*url), &ledger);
  return std::make_unique<redis::RedisTransport>(std::move(executor), timers, std::move(options));
}

}  // namespace

Opened OpenTransport(Executor executor, Timers& timers, LossLedger& ledger, std::string_view address,
                     std::shared_ptr<MemoryBroker> memory) {
  if (address == "memory:") {
    if (memory) return std::make_unique<MemoryTransport>(std::move(executor), std::move(memory));
    return std::make_unique<MemoryTransport>(std::move(executor), timers, MemoryOptions(&ledger));
  }
  constexpr std::string_view kSqlite = "sqlite:";
  if (address.starts_with(kSqlite)) {
    return OpenSqlite(std::move(executor), timers, ledger, address.substr(kSqlite.size()));
  }
  if (address.starts_with("redis://")) return OpenRedis(std::move(executor), timers, ledger, address);
  if (address.starts_with("amqp://") || address.starts_with("amqps://")) {
    RabbitOptions options{std::string(address)};
    return Widened(RabbitTransport::Make(std::move(executor), timers, ledger, std::move(options)));
  }
  // Not shown: it may hold a password.
  return Fail(ErrorCode::kInvalid,
              "the address names no transport: it is memory:, sqlite:FOLDER, redis://HOST:PORT or amqp://HOST:PORT");
}

}  // namespace tidings::messaging
