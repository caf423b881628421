// The sqlite transport, publish → handled → acknowledged with 300-byte bodies, beside a bare loop of SQLite that inserts, leases
// and range-deletes as many rows in as many commits.
//
//   bench_messaging_sqlite FOLDER [MESSAGES] [WINDOW]
//
// Prints one JSON object a line.
#include <sqlite3.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <tidings/messaging/sqlite/transport.hpp>

using namespace tidings::messaging;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kBody = 300;

double Seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_messaging_sqlite: %s\n", why.c_str());
  std::exit(1);
}

class Result {
 public:
  double seconds = 0;
  double cpu = 0;
  std::uint64_t commits = 0;
};

void Print(const char* what, std::size_t messages, const Result& result) {
  const auto count = static_cast<double>(messages);
  std::printf("{\"what\":\"%s\",\"messages\":%zu,\"per_second\":%.0f,\"cpu_us\":%.2f,\"messages_per_commit\":%.1f}\n",
              what, messages, count / result.seconds, result.cpu / count * 1e6,
              count / static_cast<double>(result.commits));
  std::fflush(stdout);
}

class Setup {
 public:
  explicit Setup(const std::string& folder) {
    std::filesystem::remove_all(folder);
    SqliteTransport::Options options;
    options.folder = folder;
    auto opened = SqliteTransport::Open(io.get_executor(), timers, ledger, options);
    if (!opened) Die(opened.error().message());
    transport = *std::move(opened);
  }
  boost::asio::io_context io;
  SystemTimers timers{io.get_executor()};
  LossLedger ledger;
  std::unique_ptr<SqliteTransport> transport;
};

Task<void> PublishMany(Transport& transport, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto published = co_await transport.Publish(Address::Queue("bench"), Message(std::string(kBody, 'x')));
    if (!published) Die(published.error().message());
  }
}

Task<void> AckOne(Delivery delivery, std::size_t& left, boost::asio::io_context& io) {
  if (auto acked = co_await delivery.Ack(); !acked) Die(acked.error().message());
  if (--left == 0) io.stop();
}

Task<void> Handle(Transport& transport, std::size_t count, std::size_t& left, boost::asio::io_context& io) {
  auto consumer = co_await transport.Consume("bench", ConsumeOptions(1'024));
  if (!consumer) Die(consumer.error().message());
  for (std::size_t i = 0; i < count; ++i) {
    auto next = co_await (*consumer)->Next();
    if (!next) Die(next.error().message());
    boost::asio::co_spawn(io, AckOne(*std::move(next), left, io), boost::asio::detached);
  }
}

Task<void> Declare(Transport& transport) {
  Topology topology;
  topology.AddQueue("bench");
  if (auto declared = co_await transport.Declare(topology); !declared) Die(declared.error().message());
}

Result Through(const std::string& folder, std::size_t messages, std::size_t window) {
  Setup setup(folder);
  auto& io = setup.io;
  Transport& transport = *setup.transport;
  boost::asio::co_spawn(io, Declare(transport), boost::asio::detached);
  io.run();
  io.restart();
  std::size_t left = messages;
  const std::uint64_t commits = setup.transport->commits();
  const double cpu = CpuSeconds();
  const auto start = Clock::now();
  boost::asio::co_spawn(io, Handle(transport, messages, left, io), boost::asio::detached);
  for (std::size_t i = 0; i < window; ++i) {
    boost::asio::co_spawn(io, PublishMany(transport, messages / window + (i < messages % window ? 1 : 0)),
                          boost::asio::detached);
  }
  io.run();
  Result result;
  result.seconds = Seconds(start);
  result.cpu = CpuSeconds() - cpu;
  result.commits = setup.transport->commits() - commits;
  return result;
}

Task<void> OneByOne(Transport& transport, std::size_t count, std::vector<double>& micros) {
  auto consumer = co_await transport.Consume("bench", ConsumeOptions(1));
  if (!consumer) Die(consumer.error().message());
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    if (!co_await transport.Publish(Address::Queue("bench"), Message(std::string(kBody, 'x')))) Die("not published");
    auto next = co_await (*consumer)->Next();
    if (!next) Die(next.error().message());
    micros.push_back(Seconds(start) * 1e6);
    if (!co_await next->Ack()) Die("not acknowledged");
  }
  co_await (*consumer)->Stop();
}

void Latency(const std::string& folder, std::size_t messages) {
  Setup setup(folder);
  std::vector<double> micros;
  boost::asio::co_spawn(setup.io, Declare(*setup.transport), boost::asio::detached);
  boost::asio::co_spawn(setup.io, OneByOne(*setup.transport, messages, micros), boost::asio::detached);
  setup.io.run();
  std::ranges::sort(micros);
  std::printf("{\"what\":\"latency of one, publish to handled\",\"p50_us\":%.0f,\"p99_us\":%.0f}\n",
              micros[micros.size() / 2], micros[micros.size() * 99 / 100]);
}

class Bare {
 public:
  explicit Bare(const std::string& folder) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    if (sqlite3_open((folder + "/bare.db").c_str(), &db_) != SQLITE_OK) Die("cannot open the bare file");
    Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000;"
        "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, lease INTEGER, body BLOB)");
  }
  ~Bare() { sqlite3_close(db_); }

  Result Loop(std::size_t messages, std::size_t batch) {
    Result result;
    sqlite3_stmt* insert = Prepare("INSERT INTO messages (message_id, lease, body) VALUES (?, NULL, ?)");
    sqlite3_stmt* lease = Prepare("UPDATE messages SET lease = ? WHERE id = ?");
    sqlite3_stmt* remove = Prepare("DELETE FROM messages WHERE id BETWEEN ? AND ?");
    const std::string body(kBody, 'x');
    const double cpu = CpuSeconds();
    const auto start = Clock::now();
    sqlite3_int64 id = 0;
    for (std::size_t done = 0; done < messages; done += batch) {
      Run("BEGIN IMMEDIATE");
      for (std::size_t i = 0; i < batch; ++i) {
        const Message message(body);
        sqlite3_bind_text(insert, 1, message.id.data(), static_cast<int>(message.id.size()), nullptr);
        sqlite3_bind_blob(insert, 2, message.body.data(), static_cast<int>(message.body.size()), nullptr);
        Step(insert);
      }
      for (std::size_t i = 1; i <= batch; ++i) {
        sqlite3_bind_int64(lease, 1, 1);
        sqlite3_bind_int64(lease, 2, id + static_cast<sqlite3_int64>(i));
        Step(lease);
      }
      // What was handed out by the commit before is acknowledged by this one.
      sqlite3_bind_int64(remove, 1, id - static_cast<sqlite3_int64>(batch) + 1);
      sqlite3_bind_int64(remove, 2, id);
      Step(remove);
      Run("COMMIT");
      id += static_cast<sqlite3_int64>(batch);
      ++result.commits;
    }
    result.seconds = Seconds(start);
    result.cpu = CpuSeconds() - cpu;
    for (sqlite3_stmt* statement : {insert, lease, remove}) sqlite3_finalize(statement);
    return result;
  }

 private:
  void Run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) Die(sqlite3_errmsg(db_));
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) Die(sqlite3_errmsg(db_));
    return statement;
  }
  void Step(sqlite3_stmt* statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) Die(sqlite3_errmsg(db_));
    sqlite3_reset(statement);
  }
  sqlite3* db_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) Die("usage: bench_messaging_sqlite FOLDER [MESSAGES] [WINDOW]");
  const std::string folder = argv[1];
  const std::size_t messages = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 200'000;
  const std::size_t window = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1'024;
  const Result through = Through(folder + "/transport", messages, window);
  Print("sqlite transport", messages, through);
  const auto batch = std::max<std::size_t>(1, messages / std::max<std::uint64_t>(1, through.commits));
  Bare bare(folder + "/bare");
  const Result loop = bare.Loop(messages, batch);
  Print("bare insert, lease, range delete", messages, loop);
  std::printf("{\"what\":\"ratio\",\"value\":%.2f}\n", loop.seconds / through.seconds);
  Latency(folder + "/latency", 2'000);
}
