#include <tidings/eventing/memory_event_store.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include <tidings/eventing/group_commit.hpp>
#include <tidings/eventing/limits.hpp>
#include <tidings/eventing/wake_list.hpp>

namespace tidings::eventing {

namespace {

class Log {
 public:
  std::deque<StoredEvent> events;                 // by position
  std::map<std::string, StreamKey, std::less<>> names;
  std::vector<std::vector<std::size_t>> streams;  // by key - 1: places in events
  std::set<Uuid> imported;
  std::size_t committed = 0;                      // events that readers see
};

// The transaction and the commits of one log. The writer's thread alone changes the log, so there it is read without
// the lock.
class MemoryBackend final : public CommitBackend, public Transaction {
 public:
  explicit MemoryBackend(const Clock& clock) : clock_(clock) {}

  Transaction& Begin() override {
    now_ = std::max(now_, clock_.Now());
    first_ = log_.events.size();
    return *this;
  }

  std::uint64_t Writes() const override { return writes_; }

  bool Commit() override {
    const bool wrote = writes_ != committed_writes_;
    committed_writes_ = writes_;
    const std::lock_guard lock(mutex_);
    for (auto& [place, data] : redacted_) {
      log_.events[place].data = std::move(data);
      log_.events[place].redacted = true;
    }
    redacted_.clear();
    log_.committed = log_.events.size();
    head_.store(Head());
    return wrote;
  }

  std::optional<Error> Recover(std::exception_ptr failure) override {
    {
      const std::lock_guard lock(mutex_);
      while (log_.events.size() > first_) {
        log_.streams[log_.events.back().stream - 1].pop_back();
        log_.imported.erase(log_.events.back().id);
        log_.events.pop_back();
      }
    }
    redacted_.clear();
    committed_writes_ = writes_;
    try {
      std::rethrow_exception(std::move(failure));
    } catch (const StoreFailure& thrown) {
      return thrown.error();
    } catch (const std::exception& thrown) {
      return Error(ErrorCode::kInternal, thrown.what());
    }
  }

  Position Head() const override { return log_.events.empty() ? 0 : log_.events.back().position; }

  Millis Now() const override { return now_; }
  Uuid NextId() const override { return Uuid::AtPlace(now_, next_, salt_); }

  Result<Appended> Append(std::string_view stream, Expected expected, std::span<const NewEvent> events) override {
    if (auto valid = CheckAppend(stream, events); !valid) return std::unexpected(valid.error());
    if (auto allowed = Allow(stream, expected); !allowed) return std::unexpected(allowed.error());
    Appended appended;
    for (const NewEvent& event : events) appended = Put(stream, event, NextId(), now_, false);
    return appended;
  }

  Result<Appended> Import(std::string_view stream, Expected expected, const ImportedEvent& event) override {
    if (auto valid = CheckAppend(stream, {&event.event, 1}); !valid) return std::unexpected(valid.error());
    if (auto allowed = Allow(stream, expected); !allowed) return std::unexpected(allowed.error());
    if (event.position && *event.position <= Head()) return Fail(ErrorCode::kConflict, "the position is taken");
    const Position position = event.position.value_or(next_);
    if (log_.imported.contains(event.id) || OwnId(event.id)) {
      return Fail(ErrorCode::kConflict, "an event with this id is there already");
    }
    next_ = position;
    const Appended appended = Put(stream, event.event, event.id, event.at, event.redacted);
    log_.imported.insert(event.id);
    now_ = std::max(now_, event.at);
    return appended;
  }

  std::optional<StreamKey> FindStream(std::string_view stream) override {
    const auto found = log_.names.find(stream);
    if (found == log_.names.end() || log_.streams[found->second - 1].empty()) return std::nullopt;
    return found->second;
  }

  Version StreamHead(StreamKey stream) override {
    return stream == 0 || stream > log_.streams.size() ? 0 : log_.streams[stream - 1].size();
  }

  std::optional<StoredEvent> Read(StreamKey stream, Version version) override {
    if (version == 0 || version > StreamHead(stream)) return std::nullopt;
    return At(log_.streams[stream - 1][version - 1]);
  }

  std::optional<StoredEvent> ReadAt(Position position) override {
    const auto& events = log_.events;
    const auto found = std::ranges::lower_bound(events, position, {}, &StoredEvent::position);
    if (found == events.end() || found->position != position) return std::nullopt;
    return At(static_cast<std::size_t>(found - events.begin()));
  }

  void Redact(StreamKey stream, Version version, std::string_view data) override {
    redacted_.insert_or_assign(log_.streams.at(stream - 1).at(version - 1), std::string(data));
    ++writes_;
  }

  // For readers: what is committed.
  Position CommittedHead() const { return head_.load(); }

  Result<std::vector<StoredEvent>> ReadStream(std::string_view stream, Version from, std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    const auto name = log_.names.find(stream);
    if (name == log_.names.end()) return Fail(ErrorCode::kNotFound, "no such stream");
    const auto& places = log_.streams[name->second - 1];
    if (places.empty() || places.front() >= log_.committed) return Fail(ErrorCode::kNotFound, "no such stream");
    std::vector<StoredEvent> events;
    for (std::size_t i = from == 0 ? 0 : from - 1; i < places.size() && events.size() < limit; ++i) {
      if (places[i] >= log_.committed) break;
      events.push_back(log_.events[places[i]]);
    }
    return events;
  }

  std::vector<StoredEvent> ReadAll(Position after, std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    std::vector<StoredEvent> events;
    const auto end = log_.events.begin() + static_cast<std::ptrdiff_t>(log_.committed);
    auto next = std::ranges::upper_bound(log_.events.begin(), end, after, {}, &StoredEvent::position);
    for (; next != end && events.size() < limit; ++next) events.push_back(*next);
    return events;
  }

 private:
  Status Allow(std::string_view stream, Expected expected) {
    const auto key = FindStream(stream);
    const Version head = key ? StreamHead(*key) : 0;
    if (expected.Allows(head)) return {};
    return Fail(ErrorCode::kConflict, "the stream is at version " + std::to_string(head));
  }

  bool OwnId(const Uuid& id) {
    const auto event = ReadAt(id.Place());
    return event && event->id == id;
  }

  Appended Put(std::string_view stream, const NewEvent& event, const Uuid& id, Millis at, bool redacted) {
    const std::lock_guard lock(mutex_);
    auto name = log_.names.find(stream);
    if (name == log_.names.end()) {
      log_.streams.emplace_back();
      name = log_.names.emplace(std::string(stream), log_.streams.size()).first;
    }
    auto& places = log_.streams[name->second - 1];
    places.push_back(log_.events.size());
    StoredEvent stored;
    stored.position = next_++;
    stored.stream = name->second;
    stored.version = places.size();
    stored.id = id;
    stored.type = event.type;
    stored.at = at;
    stored.author = event.author;
    stored.data = event.data;
    stored.redacted = redacted;
    log_.events.push_back(stored);
    ++writes_;
    Appended appended;
    appended.stream = stored.stream;
    appended.last = stored.version;
    appended.position = stored.position;
    return appended;
  }

  StoredEvent At(std::size_t place) const {
    StoredEvent event = log_.events[place];
    if (const auto found = redacted_.find(place); found != redacted_.end()) {
      event.data = found->second;
      event.redacted = true;
    }
    return event;
  }

  const Clock& clock_;
  mutable std::mutex mutex_;  // held to change the log, and to read it on other threads
  Log log_;
  std::atomic<Position> head_{0};
  const std::uint32_t salt_ = static_cast<std::uint32_t>(RandomU64());
  Millis now_ = 0;
  Position next_ = 1;
  std::size_t first_ = 0;
  std::map<std::size_t, std::string> redacted_;  // by this batch
  std::uint64_t writes_ = 0;
  std::uint64_t committed_writes_ = 0;
};

}  // namespace

class MemoryEventStore::State {
 public:
  explicit State(const Options& options)
      : backend(options.clock != nullptr ? *options.clock : system_clock), commit(backend, wakes, Limits(options)) {}

  static GroupCommit::Options Limits(const Options& options) {
    GroupCommit::Options limits;
    limits.queue = options.queue;
    limits.batch = options.batch;
    return limits;
  }

  SystemClock system_clock;
  MemoryBackend backend;
  WakeList wakes;
  GroupCommit commit;
};

MemoryEventStore::MemoryEventStore(const Options& options) : state_(std::make_unique<State>(options)) {}
MemoryEventStore::~MemoryEventStore() { Close(); }

void MemoryEventStore::AddListener(CommitListener& listener) { state_->commit.AddListener(listener); }
void MemoryEventStore::Start() { state_->commit.Start(); }
void MemoryEventStore::Close() { state_->commit.Close(); }
void MemoryEventStore::Submit(std::unique_ptr<Unit> unit) { state_->commit.Submit(std::move(unit)); }
Position MemoryEventStore::Head() const { return state_->backend.CommittedHead(); }

std::unique_ptr<EventStore::Subscription> MemoryEventStore::Subscribe(std::function<void(Position head)> wake) {
  return state_->wakes.Add(std::move(wake), [this] { return Head(); });
}

Result<std::vector<StoredEvent>> MemoryEventStore::ReadStream(std::string_view stream, Version from,
                                                              std::size_t limit) {
  return state_->backend.ReadStream(stream, from, limit);
}

Result<std::vector<StoredEvent>> MemoryEventStore::ReadAll(Position after, std::size_t limit) {
  return state_->backend.ReadAll(after, limit);
}

}  // namespace tidings::eventing
