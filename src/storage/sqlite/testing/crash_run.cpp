#include "crash_run.hpp"

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

namespace tidings::sqlite::testing {

using eventing::NewEvent;
using eventing::Transaction;

namespace {

constexpr int kCommits = 12;

}  // namespace

// Counts answers; a unit that is dropped without one counts too.
class CrashRun::Answers {
 public:
  void Add(const Status* outcome) {
    const std::lock_guard lock(mutex_);
    if (outcome == nullptr) {
      ++dropped_;
    } else if (*outcome) {
      ++stored_;
    } else {
      errors_.push_back(outcome->error());
    }
    changed_.notify_all();
  }
  void Wait(int units) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stored_ + dropped_ + static_cast<int>(errors_.size()) >= units; });
  }
  // Waits until the unit runs; false if it got an answer, or none for ever, instead.
  bool WaitForRun() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return running_ || dropped_ > 0 || !errors_.empty(); });
    return running_;
  }
  void Running() {
    const std::lock_guard lock(mutex_);
    running_ = true;
    changed_.notify_all();
  }
  int stored() const { return Locked(stored_); }
  int dropped() const { return Locked(dropped_); }
  std::vector<Error> errors() const { return Locked(errors_); }

 private:
  template <class T>
  T Locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  bool running_ = false;
  std::condition_variable changed_;
  int stored_ = 0;
  int dropped_ = 0;
  std::vector<Error> errors_;
};

class CrashRun::CountedUnit final : public eventing::Unit {
 public:
  using Work = std::function<Status(Transaction&)>;
  CountedUnit(std::shared_ptr<Answers> answers, Work work) : answers_(std::move(answers)), work_(std::move(work)) {}
  ~CountedUnit() override {
    if (!answered_) answers_->Add(nullptr);
  }
  Status Run(Transaction& transaction) override { return work_(transaction); }
  void Done(const Status& outcome) override {
    answered_ = true;
    answers_->Add(&outcome);
  }

 private:
  std::shared_ptr<Answers> answers_;
  Work work_;
  bool answered_ = false;
};

namespace {

std::function<Status(Transaction&)> Append(const std::string& stream, const std::string& data) {
  return [=](Transaction& transaction) -> Status {
    const NewEvent event("noted", data);
    const auto appended = transaction.Append(stream, eventing::Expected::Any(), {&event, 1});
    if (!appended) return std::unexpected(appended.error());
    return {};
  };
}

std::function<Status(Transaction&)> Redact(const std::string& stream, eventing::Version version) {
  return [=](Transaction& transaction) -> Status {
    transaction.Redact(*transaction.FindStream(stream), version, "-");
    return {};
  };
}

}  // namespace

CrashRun::CrashRun(std::uint64_t seed)
    : disk_(seed), vfs_(std::make_unique<FaultVfs>(disk_)), random_(static_cast<unsigned>(seed)) {}

CrashRun::~CrashRun() { store_.reset(); }

SqliteEventStore::Options CrashRun::Options(bool with_part, bool faulty) {
  SqliteEventStore::Options options;
  options.folder = folder_.File("store");
  options.checkpoint_pages = 25;
  options.checkpoint_after = std::chrono::milliseconds(0);  // nothing by time: each run is the same
  options.probe_every = std::chrono::milliseconds(5);
  options.readers.threads = 0;
  options.readers.callers = 1;
  options.fatal = [this](const std::string&) { fatal_ = true; };
  if (with_part) {
    options.parts.emplace_back("extra", std::vector<std::string>{"CREATE TABLE extra (a, b)",
                                                                 "INSERT INTO extra VALUES (1, zeroblob(9000));"
                                                                 "CREATE INDEX extra_a ON extra (a)"});
  }
  if (faulty) {
    options.vfs = vfs_->name();
    options.sync_folder = [this](const std::string&) { return disk_.SyncFolder(); };
  }
  return options;
}

bool CrashRun::Open(bool with_part) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto opened = SqliteEventStore::Open(Options(with_part, true));
    if (opened) {
      store_ = *std::move(opened);
      store_->Start();
      return true;
    }
    if (disk_.crashed()) return false;
    disk_.Heal();  // an administrator made room, or put in another disk
  }
  return false;
}

void CrashRun::Work() {
  for (const bool with_part : {false, true}) {
    if (!Open(with_part)) return;
    Commits(kCommits);
    store_.reset();
    if (fatal_ || disk_.crashed()) return;
  }
}

void CrashRun::Commits(int count) {
  const auto pick = [&](int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); };
  for (int commit = 0; commit < count && !fatal_; ++commit) {
    // The units wait behind one that blocks, so that they share a commit.
    const auto answers = std::make_shared<Answers>();
    const auto open = std::make_shared<std::promise<void>>();
    store_->Submit(std::make_unique<CountedUnit>(answers, [answers, open](Transaction&) -> Status {
      answers->Running();
      open->get_future().wait();
      return {};
    }));
    if (!answers->WaitForRun()) {
      Refused(*answers);
      continue;
    }
    Streams next = acknowledged_;
    const int units = 1 + pick(4);
    for (int unit = 0; unit < units; ++unit) {
      const std::string stream = "stream " + std::to_string(pick(3));
      auto& events = next[stream];
      if (pick(5) == 0 && !events.empty()) {
        const int version = pick(static_cast<int>(events.size()));
        events[static_cast<std::size_t>(version)] = "-";
        store_->Submit(std::make_unique<CountedUnit>(answers, Redact(stream, static_cast<unsigned>(version) + 1)));
      } else {
        const int size = pick(6) == 0 ? pick(20'000) : pick(400);
        events.emplace_back(static_cast<std::size_t>(size), static_cast<char>('a' + pick(26)));
        store_->Submit(std::make_unique<CountedUnit>(answers, Append(stream, events.back())));
      }
    }
    open->set_value();
    answers->Wait(units + 1);
    // All of the batch or nothing of it; the unit that blocked wrote nothing.
    const int without = answers->dropped() + static_cast<int>(answers->errors().size());
    if (without == 0) {
      acknowledged_ = std::move(next);
    } else if (answers->dropped() > 0) {
      in_flight_ = std::move(next);
      if (answers->stored() > 1) acknowledged_ = *in_flight_;  // an answer before the commit is an answer
    }
    Refused(*answers);
  }
}

void CrashRun::Refused(const Answers& answers) {
  if (answers.errors().empty()) return;
  for (const Error& error : answers.errors()) {
    if (error.code() != ErrorCode::kStorageFull) wrong_answer_ = error.message();
  }
  ++refused_full_;
  if (refused_full_ % 4 != 3) return;
  disk_.Heal();
  while (!store_->Healthy()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void CrashRun::Restart() {
  store_.reset();
  disk_.Survive();
}

bool CrashRun::CrashWhileOpening(std::uint64_t after) {
  disk_.StartAgain();
  disk_.CrashAt(after);
  const bool opened = Open(true);
  Restart();
  return !opened;
}

std::optional<std::string> CrashRun::Verdict() {
  auto opened = SqliteEventStore::Open(Options(true, false));
  if (!opened) return "it does not open: " + opened.error().message();
  SqliteEventStore& store = **opened;
  store.Start();
  const auto findings = store.CheckIntegrity();
  if (!findings) return "it cannot be checked: " + findings.error().message();
  if (!findings->empty()) return "the check finds: " + findings->front();
  Streams there;
  const auto events = store.ReadAll(0, 100'000);
  if (!events) return "it cannot be read: " + events.error().message();
  for (int stream = 0; stream < 3; ++stream) {
    const std::string name = "stream " + std::to_string(stream);
    const auto read = store.ReadStream(name, 1, 100'000);
    if (!read && read.error().code() != ErrorCode::kNotFound) return read.error().message();
    if (!read) continue;
    for (const auto& event : *read) there[name].push_back(event.data);
  }
  const auto same = [&](const Streams& expected) {
    Streams full = expected;
    std::erase_if(full, [](const auto& entry) { return entry.second.empty(); });
    return full == there;
  };
  if (!same(acknowledged_) && !(in_flight_ && same(*in_flight_))) {
    std::string counts;
    for (const auto& [name, entries] : acknowledged_) {
      counts += " " + std::to_string(entries.size()) + ":" + std::to_string(there[name].size());
    }
    return "it holds neither what was acknowledged nor that and the last commit (acknowledged:there" + counts + ")";
  }
  const auto appended = store.AppendAndWait("stream 0", eventing::Expected::Any(), {NewEvent("noted", "after")});
  if (!appended) return "it takes no event: " + appended.error().message();
  if (!events->empty() && appended->position <= events->back().position) return "it gives a position again";
  return std::nullopt;
}

}  // namespace tidings::sqlite::testing
