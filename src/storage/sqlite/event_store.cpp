#include <tidings/storage/sqlite/event_store.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>

#include <tidings/base/log.hpp>
#include <tidings/eventing/group_commit.hpp>
#include <tidings/eventing/wake_list.hpp>
#include <tidings/storage/sqlite/event_rows.hpp>

#include "file_probe.hpp"
#include "folder.hpp"
#include "integrity.hpp"
#include "log_index.hpp"
#include "schema.hpp"
#include "writer.hpp"

namespace tidings::sqlite {

using eventing::Position;
using eventing::StoredEvent;

namespace {

constexpr char kFile[] = "tidings.db";
// A copy that gets no further for so long ends with an error.
constexpr std::chrono::seconds kBackupPatience{60};

bool Fault(std::string_view name) {
#ifdef TIDINGS_FAULTS
  const char* fault = std::getenv("TIDINGS_FAULT");
  return fault != nullptr && name == fault;
#else
  (void)name;
  return false;
#endif
}

eventing::GroupCommit::Options CommitOptions(const SqliteEventStore::Options& options) {
  eventing::GroupCommit::Options limits;
  limits.queue = options.queue;
  limits.batch = options.batch;
  limits.ack_before_commit = Fault("ack-before-commit");
  return limits;
}

void Configure(Database& database, const SqliteEventStore::Options& options, bool made) {
  // Before the first page: a new file's page size, and its mode, which its log takes over.
  database.Execute("PRAGMA page_size=" + std::to_string(options.page_size));
  if (made) chmod(database.path().c_str(), 0600);
  if (database.Value("PRAGMA journal_mode=WAL") != "wal") {
    throw SqliteFailure(1, database.path() + ": the file system cannot share memory, which the log needs");
  }
  database.Execute(Fault("no-sync") ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL");
  database.Execute("PRAGMA secure_delete=ON");
  database.Execute("PRAGMA temp_store=MEMORY");
  database.Execute("PRAGMA cache_size=-" + std::to_string(options.cache_kib));
}

Error OpenFailure(const SqliteFailure& failure) {
  const Error& error = failure.error();
  switch (failure.cause()) {
    case SqliteFailure::Cause::kDamaged:
    case SqliteFailure::Cause::kBadRow:
      return Error(error.code(), error.message() + "; the file is damaged: restore it from a backup");
    case SqliteFailure::Cause::kFull:
      return Error(error.code(), error.message() + "; make room on the disk and start again");
    case SqliteFailure::Cause::kBusy:
      return Error(error.code(), error.message() + "; another program holds the file: end it and start again");
    default:
      return Error(error.code(), error.message() + "; see that this user may write the folder and that the disk works");
  }
}

template <class Work>
auto AsResult(const Work& work) -> Result<decltype(work())> {
  try {
    return work();
  } catch (const eventing::StoreFailure& failure) {
    return std::unexpected(failure.error());
  }
}

}  // namespace

class SqliteEventStore::State {
 public:
  State(Options given, Folder taken)
      : options(std::move(given)),
        folder(std::move(taken)),
        database(std::make_unique<Database>(folder.File(kFile), Database::Mode::kWriter, options.vfs)) {}

  // Throws SqliteFailure.
  Status Prepare(bool made) {
    Configure(*database, options, made);
    auto migrated = Migrate(*database, options.parts);
    if (!migrated) return std::unexpected(migrated.error());
    if (!options.only_read) {
      if (auto settled = Settle(); !settled) return settled;
    }
    Statement get(*database, "SELECT value FROM meta WHERE key = 'id'");
    auto rows = get.Query();
    std::array<std::uint8_t, 16> bytes{};
    if (!rows.Next() || rows.Blob(0).size() != bytes.size()) {
      throw SqliteFailure(SqliteFailure::kBadRowCode, database->path() + ": the store's id is missing");
    }
    std::memcpy(bytes.data(), rows.Blob(0).data(), bytes.size());
    id = Uuid(bytes);
    return {};
  }

  // From here on the header alone tells the version, and the file's name lasts.
  Status Settle() {
    database->Execute("PRAGMA wal_checkpoint(TRUNCATE)");
    if (auto reserved = log_index.Reserve(database->path(), options.wal_most_pages); !reserved) return reserved;
    const int synced = options.sync_folder ? options.sync_folder(folder.path()) : SyncFolder(folder.path());
    if (synced != 0) {
      return Fail(ErrorCode::kInternal, "cannot sync the folder " + folder.path() + ": " + std::strerror(synced) +
                                            "; see that the disk works");
    }
    return {};
  }

  void Run() {
    const Clock& clock = options.clock != nullptr ? *options.clock : system_clock;
    writer.emplace(*database, options, clock, stats, standing);
    readers.emplace(folder.File(kFile), options.vfs, options.readers);
    commit.emplace(*writer, wakes, CommitOptions(options));
  }

  const Options options;
  const Folder folder;
  SystemClock system_clock;
  Stats stats;
  Standing standing;
  Uuid id;
  eventing::WakeList wakes;
  LogIndex log_index;
  std::unique_ptr<Database> database;
  std::optional<Writer> writer;
  std::optional<Readers> readers;
  std::optional<eventing::GroupCommit> commit;
  std::mutex phase;  // held to change and to rely on these
  bool started = false;
  bool closed = false;
  bool log_left = false;  // the log is left as it was found
};

SqliteEventStore::SqliteEventStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteEventStore::~SqliteEventStore() { Close(); }

Result<std::unique_ptr<SqliteEventStore>> SqliteEventStore::Open(Options options) {
  auto folder = Folder::Take(options.folder);
  if (!folder) return std::unexpected(folder.error());
  const std::string file = folder->File(kFile);
  const auto probe = FileProbe::Look(file);
  if (!probe) return std::unexpected(probe.error());
  if (auto known = CheckHeader(file, *probe, options.parts); !known) return std::unexpected(known.error());
  if (probe->kind == FileProbe::Kind::kEmpty && PartFile::Left(file)) {
    return Fail(ErrorCode::kConflict,
                "the folder " + options.folder + " has no store but an unfinished copy of one (" + file +
                    ".part), left by a backup that was killed; take the backup into it again, or remove that file");
  }
  if (!options.migrate) {
    if (auto current = CheckCurrent(file, *probe, options.parts); !current) return std::unexpected(current.error());
  }
  try {
    auto state = std::make_unique<State>(std::move(options), *std::move(folder));
    const bool made = probe->kind != FileProbe::Kind::kDatabase;
    state->log_left = state->options.only_read && probe->log_pages > 0;
    if (auto prepared = state->Prepare(made); !prepared) return std::unexpected(prepared.error());
    state->Run();
    return std::unique_ptr<SqliteEventStore>(new SqliteEventStore(std::move(state)));
  } catch (const SqliteFailure& failure) {
    return std::unexpected(OpenFailure(failure));
  }
}

void SqliteEventStore::AddListener(eventing::CommitListener& listener) { state_->commit->AddListener(listener); }

void SqliteEventStore::Start() {
  {
    const std::lock_guard lock(state_->phase);
    state_->started = true;
  }
  state_->commit->Start();
}

void SqliteEventStore::Close() {
  {
    const std::lock_guard lock(state_->phase);
    if (std::exchange(state_->closed, true)) return;
  }
  state_->commit->Close();
  state_->readers->Close();
  if (!state_->log_left) state_->writer->Finish();
  state_->writer.reset();
  state_->database.reset();
  state_->log_index.Release();
}

void SqliteEventStore::Submit(std::unique_ptr<eventing::Unit> unit) { state_->commit->Submit(std::move(unit)); }
void SqliteEventStore::Submit(std::vector<std::unique_ptr<eventing::Unit>> units) {
  state_->commit->Submit(std::move(units));
}

Result<std::vector<StoredEvent>> SqliteEventStore::ReadStream(std::string_view stream, eventing::Version from,
                                                              std::size_t limit) {
  auto found = AsResult([&] {
    std::optional<std::vector<StoredEvent>> events;
    state_->readers->ReadNow([&](Database& database) {
      auto& rows = database.Slot<EventRows>();
      if (const auto key = rows.FindStream(stream)) events = rows.ReadStream(*key, from, limit);
    });
    return events;
  });
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) return Fail(ErrorCode::kNotFound, "no such stream");
  return **std::move(found);
}

Result<std::vector<StoredEvent>> SqliteEventStore::ReadAll(Position after, std::size_t limit) {
  return AsResult([&] {
    std::vector<StoredEvent> events;
    state_->readers->ReadNow([&](Database& database) { events = database.Slot<EventRows>().ReadAll(after, limit); });
    return events;
  });
}

Position SqliteEventStore::Head() const { return state_->standing.head.load(std::memory_order_acquire); }

std::unique_ptr<eventing::EventStore::Subscription> SqliteEventStore::Subscribe(
    std::function<void(Position head)> wake) {
  return state_->wakes.Add(std::move(wake), [this] { return Head(); });
}

Readers& SqliteEventStore::readers() { return *state_->readers; }

const Stats& SqliteEventStore::stats() const {
  state_->stats.waiting.store(state_->commit->waiting(), std::memory_order_relaxed);
  return state_->stats;
}

Status SqliteEventStore::Healthy() const { return *state_->standing.health.Lock(); }

const Uuid& SqliteEventStore::id() const { return state_->id; }

Result<std::vector<std::string>> SqliteEventStore::CheckIntegrity(const Progress& progress) {
  return AsResult([&] { return FindDamage(*state_->readers, progress); });
}

Status SqliteEventStore::Backup(const std::string& folder, const Progress& progress) {
  auto copy = Folder::Take(folder);
  if (!copy) return std::unexpected(copy.error());
  const std::string file = copy->File(kFile);
  if (access(file.c_str(), F_OK) == 0) {
    return Fail(ErrorCode::kConflict, "there is a store in " + folder + " already; name an empty folder");
  }
  PartFile part(file);
  if (auto made = part.Make(); !made) return made;
  const auto job = std::make_shared<BackupJob>(part.path(), kBackupPatience);
  {
    const std::lock_guard lock(state_->phase);
    if (!state_->started || state_->closed) {
      return Fail(ErrorCode::kUnavailable, "the store does not run; copy its folder");
    }
    if (!state_->writer->StartBackup(job)) {
      return Fail(ErrorCode::kConflict, "the store is being copied already; wait for that to end");
    }
  }
  state_->commit->Poke();
  std::string in_copies;
  for (const SchemaPart& schema : state_->options.parts) in_copies += schema.in_copies;
  if (auto copied = job->Wait(progress); !copied) return copied;
  if (auto prepared = part.Prepare(in_copies); !prepared) return prepared;
  return part.Accept();
}

}  // namespace tidings::sqlite
