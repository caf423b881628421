// SqliteTransport: queues, exchanges, streams and publish/subscribe in one file, without a broker. What is accepted is on disk.
//
//   SystemTimers timers(io.get_executor());
//   LossLedger ledger;
//   SqliteTransport::Options options;
//   options.folder = "./queues";
//   auto transport = SqliteTransport::Open(io.get_executor(), timers, ledger, options);
//   if (!transport) return Report(transport.error());
//   auto declared = co_await (*transport)->Declare(topology);
//
// Several processes of one machine may open the same folder; each queue's consumers compete over all of them. A consumer whose
// process dies is found at once, by a lock that the system frees. docs/messaging-sqlite.md describes the file, which plain SQL
// can inspect (sqlite3 -readonly).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

// Durable, ordered, shared, with delays, leases, exchanges, publish/subscribe, streams and groups.
//
// A full disk refuses what is new with kUnavailable, "refused", and heals by itself; what lets a message go (Ack, Nack, Retry,
// Bury) waits until there is room. After an I/O error, or where the file is damaged, the outcome of what was on its way is
// unknown and nothing more is done: `fatal` is called once, and every call fails with kInternal.
class SqliteTransport final : public Transport {
 public:
  class Options {
   public:
    Options() = default;
    std::string folder;  // made if it is missing (0700)
    // Called on the transport's own thread with one line for people. If it is empty the line goes to standard error and the
    // process ends, with status 70.
    std::function<void(const std::string& line)> fatal;
    // Calls that wait for the disk; past it, publishes are refused with kUnavailable.
    std::size_t most_waiting = 16'384;
    // How often the commits of other processes are looked for while somebody here waits for one.
    std::chrono::milliseconds poll_every{10};
    // How often what had no room on a full disk is tried again.
    std::chrono::milliseconds probe_every{200};
    // For tests: a VFS of SQLite, and what syncs the folder.
    std::string vfs;
    std::function<int(const std::string& folder)> sync_folder;
  };

  // Blocks on the disk for a moment. Errors say what is wrong with the folder or file: not to be written, damaged, of another
  // program, of a newer version. REQUIRES: timers and ledger outlive the transport.
  static Result<std::unique_ptr<SqliteTransport>> Open(Executor executor, Timers& timers, LossLedger& ledger,
                                                       const Options& options);
  // As Close, without waiting for those who wait.
  ~SqliteTransport() override;

  std::string_view name() const override { return "sqlite"; }
  const Capabilities& capabilities() const override;
  Executor executor() override;

  Task<Status> Declare(Topology topology) override;
  Task<Result<std::size_t>> Publish(Address to, Message message, PublishOptions options = PublishOptions()) override;
  // Up to 1,024 of them share each commit, which takes all of its share or none.
  Task<Status> PublishAll(std::vector<Outgoing> messages) override;
  Task<Result<std::optional<Delivery>>> Pop(std::string queue, std::chrono::milliseconds timeout) override;
  Task<Result<std::unique_ptr<Consumer>>> Consume(std::string queue,
                                                  ConsumeOptions options = ConsumeOptions()) override;
  Task<Result<QueueStats>> Stats(std::string queue) override;
  Task<Result<std::uint64_t>> Purge(std::string queue) override;
  Task<Status> DeleteQueue(std::string queue) override;
  Task<Result<std::vector<std::string>>> Queues() override;
  PubSub* pub_sub() override;
  Streams* streams() override;
  Task<void> Close() override;

  // Commits so far: calls that overlap share them.
  std::uint64_t commits() const;

 private:
  class Parts;
  explicit SqliteTransport(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tidings::messaging
