#include "fault_vfs.hpp"

#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>

namespace tidings::sqlite::testing {

namespace {

// What an open file is beside its handle.
class OpenFile {
 public:
  FaultDisk* disk = nullptr;
  std::string path;
  std::shared_ptr<FaultDisk::Contents> contents;
  bool sync_folder = false;  // SQLite's own VFS syncs the folder with a new log's or journal's first sync
};

// SQLite's handle: ours first, the default VFS's behind it.
struct Handle {
  sqlite3_file base;
  OpenFile* open;
  sqlite3_file* Real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

Handle* Of(sqlite3_file* file) { return reinterpret_cast<Handle*>(file); }
const sqlite3_io_methods* Real(sqlite3_file* file) { return Of(file)->Real()->pMethods; }
bool Counted(sqlite3_file* file) { return Of(file)->open->contents != nullptr; }

int CodeOf(FaultDisk::Fate fate, int error) {
  switch (fate) {
    case FaultDisk::Fate::kFine: return SQLITE_OK;
    case FaultDisk::Fate::kFull: return SQLITE_FULL;
    case FaultDisk::Fate::kError: errno = EIO; return error;
    case FaultDisk::Fate::kDead: return error;
  }
  return error;
}

int Close(sqlite3_file* file) {
  const int code = Real(file)->xClose(Of(file)->Real());
  delete Of(file)->open;
  return code;
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  if (Counted(file) && Of(file)->open->disk->crashed()) return SQLITE_IOERR_READ;
  return Real(file)->xRead(Of(file)->Real(), out, size, at);
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  if (Counted(file)) {
    auto& open = *Of(file)->open;
    const std::string_view view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    const auto fate = open.disk->Write(*open.contents, open.path, static_cast<std::uint64_t>(at), view);
    if (fate == FaultDisk::Fate::kFull) Real(file)->xWrite(Of(file)->Real(), bytes, size / 2, at);
    if (fate != FaultDisk::Fate::kFine) return CodeOf(fate, SQLITE_IOERR_WRITE);
  }
  return Real(file)->xWrite(Of(file)->Real(), bytes, size, at);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Counted(file)) {
    auto& open = *Of(file)->open;
    const auto fate = open.disk->Truncate(*open.contents, open.path, static_cast<std::uint64_t>(size));
    if (fate != FaultDisk::Fate::kFine) return CodeOf(fate, SQLITE_IOERR_TRUNCATE);
  }
  return Real(file)->xTruncate(Of(file)->Real(), size);
}

// The real sync is not needed: nothing but the disk's account of it survives.
int Sync(sqlite3_file* file, int flags) {
  if (!Counted(file)) return Real(file)->xSync(Of(file)->Real(), flags);
  auto& open = *Of(file)->open;
  const auto fate = open.disk->Sync(*open.contents, open.path, open.sync_folder);
  if (fate == FaultDisk::Fate::kFine) open.sync_folder = false;
  return CodeOf(fate, SQLITE_IOERR_FSYNC);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) { return Real(file)->xFileSize(Of(file)->Real(), size); }
int Lock(sqlite3_file* file, int level) { return Real(file)->xLock(Of(file)->Real(), level); }
int Unlock(sqlite3_file* file, int level) { return Real(file)->xUnlock(Of(file)->Real(), level); }
int CheckReserved(sqlite3_file* file, int* out) { return Real(file)->xCheckReservedLock(Of(file)->Real(), out); }
int Control(sqlite3_file* file, int op, void* arg) { return Real(file)->xFileControl(Of(file)->Real(), op, arg); }
int SectorSize(sqlite3_file* file) { return Real(file)->xSectorSize(Of(file)->Real()); }
int Traits(sqlite3_file* file) { return Real(file)->xDeviceCharacteristics(Of(file)->Real()); }
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return Real(file)->xShmMap(Of(file)->Real(), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->xShmLock(Of(file)->Real(), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->xShmBarrier(Of(file)->Real()); }
int ShmUnmap(sqlite3_file* file, int remove) { return Real(file)->xShmUnmap(Of(file)->Real(), remove); }

// Version 2: without memory mapping, which would pass the disk by.
constexpr sqlite3_io_methods kMethods = {2,       Close,      Read,          Write,   Truncate,   Sync,   FileSize,
                                         Lock,    Unlock,     CheckReserved, Control, SectorSize, Traits, ShmMap,
                                         ShmLock, ShmBarrier, ShmUnmap,      nullptr, nullptr};

}  // namespace

class FaultVfs::State {
 public:
  explicit State(FaultDisk& used) : disk(used), real(sqlite3_vfs_find(nullptr)) {
    static std::atomic<int> number{0};
    name = "fault" + std::to_string(++number);
    vfs = *real;
    vfs.zName = name.c_str();
    vfs.pAppData = this;
    vfs.pNext = nullptr;
    vfs.szOsFile = static_cast<int>(sizeof(Handle)) + real->szOsFile;
    vfs.xOpen = Open;
    vfs.xDelete = Delete;
    vfs.xAccess = [](sqlite3_vfs* self, const char* path, int flags, int* out) {
      return Of(self).real->xAccess(Of(self).real, path, flags, out);
    };
    vfs.xFullPathname = [](sqlite3_vfs* self, const char* path, int size, char* out) {
      return Of(self).real->xFullPathname(Of(self).real, path, size, out);
    };
    sqlite3_vfs_register(&vfs, 0);
  }
  ~State() { sqlite3_vfs_unregister(&vfs); }

  static State& Of(sqlite3_vfs* vfs) { return *static_cast<State*>(vfs->pAppData); }

  static int Open(sqlite3_vfs* self, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    State& state = Of(self);
    auto* handle = new (file) Handle{{nullptr}, nullptr};
    constexpr int kKept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    auto open = std::make_unique<OpenFile>();
    open->disk = &state.disk;
    if (path != nullptr && (flags & kKept) != 0) {
      if (state.disk.crashed()) return SQLITE_CANTOPEN;
      open->path = path;
      int exists = 0;
      state.real->xAccess(state.real, path, SQLITE_ACCESS_EXISTS, &exists);
      // xAccess takes an empty file for none.
      const bool made = exists == 0 && (flags & SQLITE_OPEN_CREATE) != 0;
      const auto fate = made ? state.disk.Make(path) : FaultDisk::Fate::kFine;
      if (fate != FaultDisk::Fate::kFine) return CodeOf(fate, SQLITE_CANTOPEN);
      if (made || exists != 0) open->contents = state.disk.Open(path, exists != 0);
      open->sync_folder = made && (flags & SQLITE_OPEN_MAIN_DB) == 0;
    }
    const int code = state.real->xOpen(state.real, path, handle->Real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    handle->open = open.release();
    handle->base.pMethods = &kMethods;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* self, const char* path, int sync_folder) {
    State& state = Of(self);
    const auto fate = state.disk.Delete(path, sync_folder != 0);
    if (fate != FaultDisk::Fate::kFine) return CodeOf(fate, SQLITE_IOERR_DELETE);
    return state.real->xDelete(state.real, path, 0);
  }

  FaultDisk& disk;
  sqlite3_vfs* real;
  sqlite3_vfs vfs{};
  std::string name;
};

FaultVfs::FaultVfs(FaultDisk& disk) : state_(std::make_unique<State>(disk)) {}
FaultVfs::~FaultVfs() = default;
const std::string& FaultVfs::name() const { return state_->name; }

}  // namespace tidings::sqlite::testing
