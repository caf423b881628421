#include "fault_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace tidings::sqlite::testing {

namespace {

std::string Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void Apply(std::string& to, const FaultDisk::Contents::Change& change, std::size_t size) {
  if (change.truncates) return to.resize(change.at);
  if (to.size() < change.at + size) to.resize(change.at + size);
  std::copy_n(change.bytes.begin(), size, to.begin() + static_cast<std::ptrdiff_t>(change.at));
}

}  // namespace

void FaultDisk::CrashAt(std::uint64_t operation) {
  const std::lock_guard lock(mutex_);
  crash_at_ = operation;
}

void FaultDisk::FailAt(std::uint64_t operation, Fate how, bool lasting) {
  const std::lock_guard lock(mutex_);
  fail_at_ = operation;
  failure_ = how;
  lasting_ = lasting;
}

void FaultDisk::SetRoom(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  room_ = bytes;
}

void FaultDisk::Heal() {
  const std::lock_guard lock(mutex_);
  fail_at_.reset();
  failing_.reset();
  room_.reset();
}

std::uint64_t FaultDisk::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

bool FaultDisk::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

bool FaultDisk::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::set<std::thread::id> FaultDisk::ChangedBy(std::string_view ending) const {
  const std::lock_guard lock(mutex_);
  std::set<std::thread::id> threads;
  for (const auto& [path, by] : changed_by_) {
    if (path.ends_with(ending)) threads.insert(by.begin(), by.end());
  }
  return threads;
}

void FaultDisk::ForgetWho() {
  const std::lock_guard lock(mutex_);
  changed_by_.clear();
}

void FaultDisk::StartAgain() {
  const std::lock_guard lock(mutex_);
  operations_ = 0;
  crash_at_.reset();
  crashed_ = false;
}

// REQUIRES: the mutex is held.
FaultDisk::Fate FaultDisk::Next(Kind kind, const std::string& path) {
  if (crashed_) return Fate::kDead;
  changed_by_[path].insert(std::this_thread::get_id());
  const std::uint64_t number = operations_++;
  if (crash_at_ == number) {
    crashed_ = true;
    return Fate::kDead;
  }
  if (fail_at_ == number && lasting_) failing_ = kind;
  if (fail_at_ != number && failing_ != kind) return Fate::kFine;
  if (failure_ == Fate::kFull && kind != Kind::kWrite) return Fate::kFine;
  failed_ = true;
  return failure_;
}

std::shared_ptr<FaultDisk::Contents> FaultDisk::Open(const std::string& path, bool existed) {
  const std::lock_guard lock(mutex_);
  Name& name = names_[path];
  if (name.now) return name.now;
  name.now = std::make_shared<Contents>();
  if (existed) {
    name.now->synced = Load(path);
    name.now->size = name.now->synced.size();
    name.synced = name.now;
  }
  return name.now;
}

FaultDisk::Fate FaultDisk::Make(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return Next(Kind::kMake, path);
}

FaultDisk::Fate FaultDisk::Write(Contents& contents, const std::string& path, std::uint64_t at,
                                 std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const bool was_crashed = crashed_;
  Fate fate = Next(Kind::kWrite, path);
  const std::uint64_t end = std::max(contents.size, at + bytes.size());
  if (fate == Fate::kFine && room_) {
    std::uint64_t used = end - contents.size;
    for (const auto& [other, name] : names_) used += name.now ? name.now->size : 0;
    if (end > contents.size && used > *room_) {
      failed_ = true;
      fate = Fate::kFull;
    }
  }
  if (fate == Fate::kFull) {  // half of it had room
    contents.pending.push_back({at, std::string(bytes.substr(0, bytes.size() / 2)), false});
    contents.size = std::max(contents.size, at + bytes.size() / 2);
  }
  // A write that the crash cut short may have reached the disk.
  if (fate == Fate::kFine || (fate == Fate::kDead && !was_crashed)) {
    contents.pending.push_back({at, std::string(bytes), false});
    contents.size = end;
  }
  return fate;
}

FaultDisk::Fate FaultDisk::Truncate(Contents& contents, const std::string& path, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const Fate fate = Next(Kind::kTruncate, path);
  if (fate == Fate::kFine) {
    contents.pending.push_back({size, {}, true});
    contents.size = size;
  }
  return fate;
}

FaultDisk::Fate FaultDisk::Sync(Contents& contents, const std::string& path, bool with_folder) {
  const std::lock_guard lock(mutex_);
  const Fate fate = Next(Kind::kSync, path);
  if (fate != Fate::kFine) return fate;
  for (const auto& change : contents.pending) Apply(contents.synced, change, change.bytes.size());
  contents.pending.clear();
  if (with_folder) {
    for (auto& [other, name] : names_) name.synced = name.now;
  }
  return fate;
}

FaultDisk::Fate FaultDisk::Delete(const std::string& path, bool sync_folder) {
  const std::lock_guard lock(mutex_);
  const Fate fate = Next(Kind::kDelete, path);
  if (fate != Fate::kFine) return fate;
  names_[path].now.reset();
  if (sync_folder) {
    for (auto& [other, name] : names_) name.synced = name.now;
  }
  return fate;
}

int FaultDisk::SyncFolder() {
  const std::lock_guard lock(mutex_);
  if (Next(Kind::kSyncFolder, "") != Fate::kFine) return EIO;
  for (auto& [other, name] : names_) name.synced = name.now;
  return 0;
}

// One way in which the contents can look after the crash.
std::string FaultDisk::After(const Contents& contents) {
  std::string after = contents.synced;
  const std::uint64_t way = random_() % 4;
  const std::size_t kept = contents.pending.empty() ? 0 : random_() % (contents.pending.size() + 1);
  for (std::size_t i = 0; i < contents.pending.size(); ++i) {
    const auto& change = contents.pending[i];
    const std::size_t whole = change.bytes.size();
    const std::size_t part = whole == 0 ? 0 : random_() % whole;
    if (way == 0) continue;                        // nothing survives
    if (way == 1 && i > kept) continue;            // the first of them, the last torn
    if (way == 2 && random_() % 2 == 0) continue;  // any of them
    const bool torn = way == 1 ? i == kept : way == 2 && random_() % 8 == 0;
    Apply(after, change, torn ? part : whole);     // way 3: everything
  }
  return after;
}

void FaultDisk::Survive() {
  const std::lock_guard lock(mutex_);
  std::set<std::string> folders;
  for (auto& [path, name] : names_) {
    folders.insert(std::filesystem::path(path).parent_path().string());
    const auto survivor = name.now == name.synced || random_() % 2 == 0 ? name.now : name.synced;
    std::filesystem::remove(path);
    if (survivor) std::ofstream(path, std::ios::binary) << After(*survivor);
  }
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().string().ends_with("-shm")) std::filesystem::remove(entry.path());
    }
  }
  names_.clear();
}

}  // namespace tidings::sqlite::testing
