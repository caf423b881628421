// EventStore: the events of each stream in order, and one order over all streams.
//
// A stream is a name with events numbered 1, 2, 3 … without a hole (its versions). Every event also has a position in
// the one order of commits over all streams; positions rise, are never reused and may have gaps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/store_failure.hpp>

namespace tidings::eventing {

using Position = std::uint64_t;
using Version = std::uint64_t;
// The store's own number for a stream, given at its first append and never reused.
using StreamKey = std::uint64_t;

// What an append expects of its stream.
class Expected {
 public:
  static Expected Any() { return Expected(kAny); }
  static Expected NoStream() { return Expected(0); }
  // The stream's last event has this version.
  static Expected At(Version version) { return Expected(version); }

  bool Allows(Version head) const { return version_ == kAny || version_ == head; }

 private:
  static constexpr Version kAny = ~Version{0};
  explicit Expected(Version version) : version_(version) {}
  Version version_;
};

class NewEvent {
 public:
  NewEvent(std::string_view type, std::string data, std::uint64_t author = 0)
      : type(type), data(std::move(data)), author(author) {}

  std::string type;      // 1 to 64 characters, few different ones: stores keep them as numbers
  std::string data;      // bytes, up to 16 MiB
  std::uint64_t author;  // the application's number for who did it; 0 for nobody
};

// An event that another store had, with what it had there.
class ImportedEvent {
 public:
  ImportedEvent(NewEvent event, Uuid id, Millis at) : event(std::move(event)), id(id), at(at) {}

  NewEvent event;
  Uuid id;
  Millis at;
  bool redacted = false;             // the data is not the first
  std::optional<Position> position;  // the next one if not given
};

class StoredEvent {
 public:
  Position position = 0;
  StreamKey stream = 0;
  Version version = 0;
  Uuid id;  // version 7, made by the store; Place() is the position unless the event was imported
  std::string type;
  Millis at = 0;
  std::uint64_t author = 0;
  std::string data;
  bool redacted = false;  // the data is not what was appended; see Transaction::Redact
};

class Appended {
 public:
  StreamKey stream = 0;
  Version last = 0;       // version of the last event appended
  Position position = 0;  // its position
};

// A look at the store from inside one commit, by the one writer. Everything that was appended before, in this commit
// too, is seen. Valid during Unit::Run and the hooks of CommitListener only; writer's thread.
//
// A failure of the store itself (no room, an I/O error, damage) is no value: the transaction throws StoreFailure,
// which only the store catches. Units let it pass.
class Transaction {
 public:
  virtual ~Transaction() = default;
  // The time of the commit's events: the wall clock, except that it never goes back.
  virtual Millis Now() const = 0;
  // kConflict, and nothing is written, unless the stream is where `expected` says.
  // REQUIRES: events is not empty.
  virtual Result<Appended> Append(std::string_view stream, Expected expected, std::span<const NewEvent> events) = 0;
  // Appends an event of another store, with its id, time and, where it is above Head(), position. kConflict, and
  // nothing is written, as for Append, or if the store has the id already, or if the position is not above Head().
  // kInvalid from a store that takes none. Now() does not fall behind the event's time afterwards.
  virtual Result<Appended> Import(std::string_view stream, Expected expected, const ImportedEvent& event) {
    (void)stream, (void)expected, (void)event;
    return Fail(ErrorCode::kInvalid, "this store takes no events of another store");
  }
  // The id that the next appended event will bear. It changes with each append.
  virtual Uuid NextId() const = 0;
  // Position of the last event appended, in this commit too; 0 if there is none.
  virtual Position Head() const = 0;
  virtual std::optional<StreamKey> FindStream(std::string_view stream) = 0;
  // Version of the stream's last event; 0 if it has none.
  virtual Version StreamHead(StreamKey stream) = 0;
  virtual std::optional<StoredEvent> Read(StreamKey stream, Version version) = 0;
  virtual std::optional<StoredEvent> ReadAt(Position position) = 0;
  // Replaces an event's data for ever; its id, version, type, time and author stay, and checksums stay valid since they
  // cover a digest of the first data. The old data is gone from the store when the commit is checkpointed.
  // REQUIRES: the event exists.
  virtual void Redact(StreamKey stream, Version version, std::string_view data) = 0;
};

// Thrown by a Transaction where the store itself failed.
using tidings::StoreFailure;

// Work that decides and writes where nothing else does. Units that wait together share one commit.
class Unit {
 public:
  virtual ~Unit() = default;
  // Decides, then writes. An error refuses this unit alone. REQUIRES: a unit that returns an error has written nothing.
  virtual Status Run(Transaction& transaction) = 0;
  // True if Run may find that there is nothing to write. While commits are refused such a unit is run all the same, by
  // itself and maybe for the second time; it is refused like the others if it did write.
  virtual bool MayOnlyRead() const { return false; }
  // Called once: after the commit with what Run returned (a success is durable then), or with kStorageFull (nothing of
  // the batch is stored), or with kUnavailable if the store is closing and the unit never ran. Not called at all if the
  // outcome is unknown; then the process is ending. Writer's thread; must not block.
  virtual void Done(const Status& outcome) = 0;
};

// Takes part in every commit. Writer's thread.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  // All units of the batch have run; what is written now is part of their commit.
  virtual void BeforeCommit(Transaction& transaction) { (void)transaction; }
  // The commit is durable, the units' Done have not been called yet. `wrote` is false if the batch only read.
  virtual void AfterCommit(bool wrote) { (void)wrote; }
  // All units that are told of this commit have been.
  virtual void AfterAnswers() {}
  // Nothing of the batch was stored: forget what was derived from it.
  virtual void AfterRollback() {}
};

// Thread-safe.
class EventStore {
 public:
  virtual ~EventStore() = default;

  // Queues the unit for the next commit. Never blocks. Past the bound of waiting units: Done(kUnavailable) at once, on
  // the caller's thread.
  virtual void Submit(std::unique_ptr<Unit> unit) = 0;

  // Appends atomically if the stream is still where `expected` says; `done` is called on the writer's thread, after
  // the commit. kConflict otherwise.
  void Append(std::string stream, Expected expected, std::vector<NewEvent> events,
              std::move_only_function<void(Result<Appended>)> done);
  // The same, waiting. Not on the writer's thread.
  Result<Appended> AppendAndWait(std::string stream, Expected expected, std::vector<NewEvent> events);

  // Up to `limit` events of the stream from version `from` on, ascending. Blocks on the disk. kNotFound: no such stream.
  virtual Result<std::vector<StoredEvent>> ReadStream(std::string_view stream, Version from, std::size_t limit) = 0;
  // Up to `limit` events of all streams with a position above `after`, ascending.
  virtual Result<std::vector<StoredEvent>> ReadAll(Position after, std::size_t limit) = 0;
  // Position of the last committed event; 0 if there is none. Does not block.
  virtual Position Head() const = 0;

  // Calls `wake` with the new head after each commit that wrote, on the writer's thread, and once at once. A
  // subscriber reads on from its own place with ReadAll: the call is a wake-up, not the data. Dropping the
  // Subscription ends it; `wake` is not running any more when the destructor returns (except it drops itself).
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  virtual std::unique_ptr<Subscription> Subscribe(std::function<void(Position head)> wake) = 0;
};

}  // namespace tidings::eventing
