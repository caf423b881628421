// A crash and a failure at every operation on the disk: what was accepted is there, and nothing whose acknowledgement completed.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>

#include <tidings/base/sqlite/database.hpp>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "testing/everywhere.hpp"
#include "testing/queues.hpp"

namespace tidings::messaging::testing {
namespace {

using sqlite::testing::FaultDisk;
using sqlite::testing::FaultVfs;
using std::chrono::milliseconds;

class CrashRun {
 public:
  explicit CrashRun(std::uint64_t seed) : disk_(seed), vfs_(disk_) {}

  FaultDisk& disk() { return disk_; }
  int refused() const { return refused_; }
  bool fatal() { return !queues_.fatal().empty(); }

  // Opens, works, closes, works on. Ends early once the transport cannot go on.
  void Work() {
    for (int round = 0; round < 2; ++round) {
      auto opened = Open();
      if (!opened) return;
      const auto transport = *std::move(opened);
      for (int step = 0; step < 4; ++step) {
        if (!Step(*transport, round * 10 + step)) return;
      }
      Do(transport->Close());
      if (fatal() || disk_.crashed()) return;
    }
  }

  // The machine starts again with what survived. What is wrong with it, if anything.
  std::optional<std::string> Verdict() {
    disk_.Survive();
    auto opened = queues_.TryOpen(queues_.Options());
    if (!opened) return "it does not open: " + opened.error().message();
    std::set<std::string> there;
    for (const char* queue : {"jobs", "copies"}) {
      if (!queues_.Run((*opened)->Stats(queue))) continue;  // the crash came before it was declared
      for (const std::string& body : queues_.Drain(**opened, queue)) {
        if (!there.insert(queue + body).second) return body + " is there twice";
        if (!published_.contains(body)) return body + " was refused and is there";
        if (acknowledged_.contains(queue + body)) return body + " was acknowledged and came back";
      }
      for (const std::string& body : accepted_) {
        if (!there.contains(queue + body) && !settling_.contains(queue + body))
          return body + " was accepted and is gone";
      }
    }
    queues_.Declare(**opened, "jobs");
    if (queues_.Publish(**opened, "jobs", "after")) return "it takes no message";
    opened->reset();
    sqlite::Database database(queues_.file(), sqlite::Database::Mode::kWriter);
    if (const auto sound = database.Value("PRAGMA integrity_check"); sound != "ok") return "the file is damaged";
    return std::nullopt;
  }

 private:
  Result<std::unique_ptr<SqliteTransport>> Open() {
    auto options = queues_.Options();
    options.vfs = vfs_.name();
    options.sync_folder = [this](const std::string&) { return disk_.SyncFolder(); };
    for (int attempt = 0;; ++attempt) {
      auto opened = queues_.TryOpen(options);
      if (opened || disk_.crashed() || attempt == 2) return opened;
      disk_.Heal();  // an administrator made room, or put in another disk
    }
  }

  // What waits for room gets it after a while.
  template <class T>
  T Do(Task<T> task) {
    const auto done = std::make_shared<bool>(false);
    queues_.runner().Spawn([](FaultDisk& disk, Timers& timers, std::shared_ptr<bool> ended) -> Task<void> {
      co_await timers.Sleep(milliseconds(10));
      if (!*ended) disk.Heal();
    }(disk_, queues_.timers(), done));
    const auto end = [](bool* ended) { *ended = true; };
    const std::unique_ptr<bool, decltype(end)> at_end(done.get(), end);
    return queues_.Run(std::move(task));
  }

  // False if it can go on no more.
  bool Step(SqliteTransport& transport, int step) {
    Topology topology;
    topology.AddExchange("all", ExchangeKind::kFanout);
    QueueOptions options;
    options.dead_letters = false;
    topology.AddQueue("jobs", options).AddQueue("copies", options).Bind("all", "jobs").Bind("all", "copies");
    if (!Goes(Do(transport.Declare(topology)))) return false;
    for (int i = 0; i < 3; ++i) {
      const std::string body =
          std::to_string(step) + "." + std::to_string(i) + std::string(step == 2 ? 9'000 : 40, 'x');
      published_.insert(body);
      const auto accepted = Do(transport.Publish(Address::Exchange("all", ""), Message(body)));
      if (accepted) {
        accepted_.insert(body);
      } else if (accepted.error().code() != ErrorCode::kInternal) {
        published_.erase(body);
        ++refused_;
        if (refused_ % 3 == 2) disk_.Heal();
      } else {
        return false;
      }
    }
    for (int i = 0; i < 2; ++i) {
      auto popped = Do(transport.Pop("jobs", milliseconds(0)));
      if (!popped) return popped.error().code() != ErrorCode::kInternal;
      if (!*popped) continue;
      Delivery& delivery = **popped;
      const std::string body = "jobs" + delivery.message().body;
      settling_.insert(body);
      const auto acked = Do(delivery.Ack());
      if (acked) acknowledged_.insert(body);
      if (!Goes(acked)) return false;
    }
    return true;
  }

  bool Goes(const Status& status) { return status || status.error().code() != ErrorCode::kInternal; }

  Queues queues_;
  FaultDisk disk_;
  FaultVfs vfs_;
  std::set<std::string> published_;
  std::set<std::string> accepted_;
  std::set<std::string> settling_;
  std::set<std::string> acknowledged_;
  int refused_ = 0;
};

// At some operations, and at every one: that takes long.
TEST(SqliteCrash, LosesNothingAccepted) { CrashEverywhere<CrashRun>(7, 100); }
TEST(SqliteCrashEverywhere, LosesNothingAccepted) { CrashEverywhere<CrashRun>(1, 100); }

TEST(SqliteFullDisk, OnceAtAWriteRefusesAndRecovers) { FailEverywhere<CrashRun>(FaultDisk::Fate::kFull, false, 23); }
TEST(SqliteFullDisk, FromAWriteOnRefusesAndRecovers) { FailEverywhere<CrashRun>(FaultDisk::Fate::kFull, true, 31); }
TEST(SqliteFullDiskEverywhere, OnceAtAWriteRefusesAndRecovers) {
  FailEverywhere<CrashRun>(FaultDisk::Fate::kFull, false, 1);
}
TEST(SqliteFullDiskEverywhere, FromAWriteOnRefusesAndRecovers) {
  FailEverywhere<CrashRun>(FaultDisk::Fate::kFull, true, 1);
}

TEST(SqliteFailingDisk, OnceAtAnOperationAnswersNobodyWrongly) {
  FailEverywhere<CrashRun>(FaultDisk::Fate::kError, false, 23);
}
TEST(SqliteFailingDisk, FromAnOperationOnAnswersNobodyWrongly) {
  FailEverywhere<CrashRun>(FaultDisk::Fate::kError, true, 31);
}
TEST(SqliteFailingDiskEverywhere, OnceAtAnOperationAnswersNobodyWrongly) {
  FailEverywhere<CrashRun>(FaultDisk::Fate::kError, false, 1);
}
TEST(SqliteFailingDiskEverywhere, FromAnOperationOnAnswersNobodyWrongly) {
  FailEverywhere<CrashRun>(FaultDisk::Fate::kError, true, 1);
}

}  // namespace
}  // namespace tidings::messaging::testing
