#include "integrity.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <unordered_map>

#include <tidings/storage/sqlite/event_rows.hpp>

namespace tidings::sqlite {

namespace {

using eventing::Position;
using eventing::StreamKey;
using eventing::Version;

constexpr std::size_t kMostFindings = 1'000;
constexpr std::size_t kRowsAtOnce = 500;

class Examiner {
 public:
  Examiner(Readers& readers, const SqliteEventStore::Progress& progress) : readers_(readers), progress_(progress) {}

  std::vector<std::string> Run() {
    if (!Guarded([&](Database& database) { Pages(database); })) return findings_;
    Position after = 0;
    while (findings_.size() < kMostFindings) {
      Position last = after;
      if (!Guarded([&](Database& database) { last = Events(database, after); }) || last == after) break;
      after = last;
      if (progress_) progress_(std::min(after, head_), head_);
    }
    if (findings_.empty()) Guarded([&](Database& database) { Streams(database); });
    return findings_;
  }

 private:
  // Damage that stops the reading is a finding too; then there is no going on.
  template <class Work>
  bool Guarded(const Work& work) {
    try {
      readers_.ReadNow(work);
      return true;
    } catch (const SqliteFailure& failure) {
      const auto cause = failure.cause();
      if (cause != SqliteFailure::Cause::kDamaged && cause != SqliteFailure::Cause::kBadRow) throw;
      Find(failure.error().message());
      return false;
    }
  }

  void Find(std::string what) {
    if (findings_.size() < kMostFindings) findings_.push_back(std::move(what));
  }

  void Pages(Database& database) {
    // SQLite calls this now and then while it checks, which takes long for a large file.
    const auto tell = [](void* self) {
      static_cast<Examiner*>(self)->progress_(0, static_cast<Examiner*>(self)->head_);
      return 0;
    };
    head_ = static_cast<Position>(database.Number("SELECT max(position) FROM events"));
    if (progress_) sqlite3_progress_handler(database.handle(), 1'000'000, tell, this);
    try {
      Statement check(database, "PRAGMA integrity_check(1000)");
      for (auto rows = check.Query(); rows.Next();) {
        if (rows.Text(0) != "ok") Find(std::string(rows.Text(0)));
      }
    } catch (...) {
      sqlite3_progress_handler(database.handle(), 0, nullptr, nullptr);
      throw;
    }
    sqlite3_progress_handler(database.handle(), 0, nullptr, nullptr);
  }

  // Returns the last position that it saw.
  Position Events(Database& database, Position after) {
    Position last = after;
    database.Slot<EventRows>().Check(
        after, kRowsAtOnce,
        [&](const eventing::StoredEvent& event) {
          if (event.position <= last) {
            Find("the event at position " + std::to_string(event.position) + " is out of order");
          }
          last = std::max(last, event.position);
          Version& version = versions_[event.stream];
          if (event.version != version + 1) {
            Find("stream " + std::to_string(event.stream) + " has version " + std::to_string(event.version) +
                 " after version " + std::to_string(version));
          }
          version = event.version;
        },
        [&](const std::string& wrong) { Find(wrong); });
    return last;
  }

  void Streams(Database& database) {
    Statement name(database, "SELECT name FROM streams WHERE key = ?");
    auto& rows = database.Slot<EventRows>();
    for (const auto& [stream, version] : versions_) {
      auto names = name.Query(stream);
      if (!names.Next()) {
        Find("stream " + std::to_string(stream) + " has no name");
      } else if (rows.FindStream(names.Text(0)) != stream) {
        Find("stream " + std::to_string(stream) + " is not found by its name");
      } else if (rows.StreamHead(stream) < version) {
        Find("stream " + std::to_string(stream) + " is not found up to version " + std::to_string(version));
      }
    }
  }

  Readers& readers_;
  const SqliteEventStore::Progress& progress_;
  std::vector<std::string> findings_;
  std::unordered_map<StreamKey, Version> versions_;
  Position head_ = 0;
};

}  // namespace

std::vector<std::string> FindDamage(Readers& readers, const SqliteEventStore::Progress& progress) {
  return Examiner(readers, progress).Run();
}

}  // namespace tidings::sqlite
