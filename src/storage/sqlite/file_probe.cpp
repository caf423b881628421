#include "file_probe.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace tidings::sqlite {

namespace {

// https://sqlite.org/fileformat2.html: 1.3 "The Database Header", 4 "The Write-Ahead Log".
constexpr char kMagic[] = "SQLite format 3";  // with its terminating zero
constexpr std::size_t kHeader = 100;
constexpr std::size_t kWalHeader = 32;
constexpr std::size_t kFrameHeader = 24;

class File {
 public:
  explicit File(const std::string& path) : handle_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), cause_(errno) {
    struct stat found{};
    if (handle_ >= 0 && fstat(handle_, &found) == 0) size_ = static_cast<std::uint64_t>(found.st_size);
  }
  ~File() {
    if (handle_ >= 0) close(handle_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool open_failed() const { return handle_ < 0; }
  int cause() const { return cause_; }
  std::uint64_t size() const { return size_; }
  bool Read(std::uint64_t at, std::uint8_t* out, std::size_t size) const {
    while (size > 0) {
      const ssize_t got = pread(handle_, out, size, static_cast<off_t>(at));
      if (got <= 0) return false;
      at += static_cast<std::uint64_t>(got);
      out += got;
      size -= static_cast<std::size_t>(got);
    }
    return true;
  }

 private:
  int handle_;
  int cause_;
  std::uint64_t size_ = 0;
};

std::uint32_t Big32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

std::uint32_t Little32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[3]) << 24 | static_cast<std::uint32_t>(at[2]) << 16 |
         static_cast<std::uint32_t>(at[1]) << 8 | at[0];
}

class WalSum {
 public:
  void Add(const std::uint8_t* bytes, std::size_t size, bool big) {
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      first += (big ? Big32(bytes + i) : Little32(bytes + i)) + second;
      second += (big ? Big32(bytes + i + 4) : Little32(bytes + i + 4)) + first;
    }
  }
  std::uint32_t first = 0;
  std::uint32_t second = 0;
};

// What the log's commits hold.
class Log {
 public:
  std::uint32_t pages = 0;               // of the database after the last commit; 0 without any
  std::vector<bool> in_log;              // by page number
  std::vector<std::uint8_t> first_page;  // empty if the log does not have it
};

Log ReadLog(const std::string& path, std::uint32_t page_size) {
  Log log;
  const File file(path);
  std::vector<std::uint8_t> header(kWalHeader);
  if (file.open_failed() || !file.Read(0, header.data(), kWalHeader)) return log;
  const std::uint32_t magic = Big32(header.data());
  if ((magic & ~1U) != 0x377f0682 || Big32(&header[8]) != page_size) return log;
  const bool big = (magic & 1) != 0;
  WalSum sum;
  sum.Add(header.data(), 24, big);
  if (sum.first != Big32(&header[24]) || sum.second != Big32(&header[28])) return log;

  std::vector<std::uint8_t> frame(kFrameHeader + page_size);
  std::vector<std::uint32_t> uncommitted;
  std::vector<std::uint8_t> first_page;
  for (std::uint64_t at = kWalHeader; file.Read(at, frame.data(), frame.size()); at += frame.size()) {
    if (std::memcmp(&frame[8], &header[16], 8) != 0) break;  // salts: of an earlier round
    sum.Add(frame.data(), 8, big);
    sum.Add(&frame[kFrameHeader], page_size, big);
    if (sum.first != Big32(&frame[16]) || sum.second != Big32(&frame[20])) break;
    const std::uint32_t page = Big32(frame.data());
    uncommitted.push_back(page);
    if (page == 1) first_page.assign(frame.begin() + kFrameHeader, frame.end());
    const std::uint32_t pages = Big32(&frame[4]);
    if (pages == 0) continue;
    log.pages = pages;
    if (!first_page.empty()) log.first_page = first_page;
    for (const std::uint32_t written : uncommitted) {
      if (written >= log.in_log.size()) log.in_log.resize(written + 1);
      log.in_log[written] = true;
    }
    uncommitted.clear();
  }
  return log;
}

bool HasContent(const std::string& path) {
  const File file(path);
  return !file.open_failed() && file.size() > 0;
}

std::unexpected<Error> Damaged(const std::string& path, const std::string& what) {
  return Fail(ErrorCode::kInternal, path + " " + what + "; nothing was changed: restore it from a backup");
}

}  // namespace

Result<FileProbe> FileProbe::Look(const std::string& path) {
  FileProbe probe;
  const File file(path);
  if (file.open_failed() && file.cause() != ENOENT) {
    return Fail(ErrorCode::kInternal,
                "cannot read " + path + ": " + std::strerror(file.cause()) + "; give the server's user access to it");
  }
  if (HasContent(path + "-journal")) {
    probe.kind = Kind::kUnsettled;
    return probe;
  }
  if (file.open_failed() || file.size() == 0) {
    if (HasContent(path + "-wal")) return Damaged(path, "is gone though its log (" + path + "-wal) is there");
    return probe;
  }
  std::vector<std::uint8_t> header(kHeader);
  if (!file.Read(0, header.data(), kHeader) || std::memcmp(header.data(), kMagic, sizeof kMagic) != 0) {
    return Damaged(path, "is damaged or no database: its header is not that of SQLite");
  }
  const std::uint32_t raw_size = static_cast<std::uint32_t>(header[16]) << 8 | header[17];
  const std::uint32_t page_size = raw_size == 1 ? 65'536 : raw_size;
  if (page_size < 512 || (page_size & (page_size - 1)) != 0) return Damaged(path, "is damaged: its page size is none");

  const Log log = ReadLog(path + "-wal", page_size);
  if (!log.first_page.empty()) header.assign(log.first_page.begin(), log.first_page.begin() + kHeader);
  // The size in the header counts only if it was written with the last change ("In-header database size").
  const std::uint32_t in_header = Big32(&header[24]) == Big32(&header[92]) ? Big32(&header[28]) : 0;
  probe.kind = Kind::kDatabase;
  probe.pages = log.pages != 0 ? log.pages : in_header;
  probe.log_pages = static_cast<std::uint32_t>(std::ranges::count(log.in_log, true));
  probe.user_version = Big32(&header[60]);
  probe.application_id = Big32(&header[68]);
  for (std::uint64_t page = file.size() / page_size + 1; page <= probe.pages; ++page) {
    if (page < log.in_log.size() && log.in_log[page]) continue;
    return Damaged(path,
                   "is truncated: page " + std::to_string(page) + " of " + std::to_string(probe.pages) + " is missing");
  }
  return probe;
}

}  // namespace tidings::sqlite
