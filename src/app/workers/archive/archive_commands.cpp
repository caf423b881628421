#include <tidings/app/archive.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <tidings/base/json.hpp>

#include "archive/archive_file.hpp"
#include "archive/archive_rows.hpp"
#include "event_check.hpp"
#include "folder.hpp"

namespace tidings::app {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 20;

// One room's day, as it was at one moment.
class Day {
 public:
  ArchiveFileRow row;
  std::vector<ArchiveBlock> blocks;
  std::string pending;
  std::uint64_t pending_lines = 0;
  std::uint64_t tail = 0;  // bytes beyond the end
};

std::vector<fs::path> LanesOf(const fs::path& data) {
  std::vector<fs::path> lanes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(WorkerFolder(data, "archive"), error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("lane-") && name.ends_with(".db")) lanes.push_back(entry.path());
  }
  std::ranges::sort(lanes);
  return lanes;
}

bool Same(const ArchiveFileRow& a, const ArchiveFileRow& b) {
  return a.bytes == b.bytes && a.lines == b.lines && a.rewriting == b.rewriting;
}

Result<Day> TryReadDay(ArchiveRows& rows, const fs::path& data, const std::string& room, const std::string& day) {
  Day read;
  read.row = rows.File(room, day);
  const ArchivePending pending = rows.Pending(room, day, std::numeric_limits<std::size_t>::max());
  read.pending = pending.text;
  read.pending_lines = pending.lines;
  if (read.row.bytes == 0) return read;
  const fs::path file = ArchiveFile(data, room, day);
  auto found = ReadFile(file);
  if (!found) return std::unexpected(found.error());
  auto& bytes = *found;
  if (!bytes) return Fail(ErrorCode::kNotFound, file.string() + ": is missing");
  const std::uint64_t end =
      read.row.rewriting != 0 && bytes->size() == read.row.rewriting ? read.row.rewriting : read.row.bytes;
  if (bytes->size() < end) return Fail(ErrorCode::kMalformed, file.string() + ": is shorter than it was");
  read.tail = bytes->size() - end;
  bytes->resize(end);
  auto blocks = UnpackBlocks(*bytes);
  if (!blocks) return std::unexpected(blocks.error().Within(file.string()));
  read.blocks = std::move(*blocks);
  return read;
}

// A worker may write meanwhile: what does not fit is looked at again.
Result<Day> ReadDay(ArchiveRows& rows, const fs::path& data, const std::string& room, const std::string& day) {
  Result<Day> read = Fail(ErrorCode::kUnavailable, "not read");
  for (int i = 0; i < kTries; ++i) {
    const ArchiveFileRow before = rows.File(room, day);
    read = TryReadDay(rows, data, room, day);
    if (Same(before, rows.File(room, day)) && (!read || Same(before, read->row))) return read;
  }
  return read;
}

// Runs `use` on each lane's rows; an error of a file that cannot be read.
template <class Use>
Status ForLanes(const fs::path& data, Use use) {
  for (const fs::path& lane : LanesOf(data)) {
    try {
      sqlite::Database database(lane.string(), sqlite::Database::Mode::kReader);
      ArchiveRows rows(database);
      if (Status used = use(rows); !used) return used;
    } catch (const StoreFailure& failure) {
      return std::unexpected(failure.error().Within(lane.string()));
    }
  }
  return {};
}

// What is wrong with the lines of a day.
class Checker {
 public:
  explicit Checker(std::ostream& out) : out_(out) {}

  void Check(const std::string& name, const Day& day) {
    std::uint64_t filed = 0;
    std::uint64_t last = 0;
    for (const ArchiveBlock& block : day.blocks) {
      filed += block.lines;
      last = block.last;
      CheckLines(name, day.row, block.text, block.first, block.last);
    }
    CheckLines(name, day.row, day.pending, 0, std::numeric_limits<std::uint64_t>::max());
    if (filed != day.row.lines || (filed != 0 && last != day.row.last)) {
      Find(name, "has " + std::to_string(filed) + " lines, and should have " + std::to_string(day.row.lines));
    }
    if (day.tail != 0)
      out_ << name << ": " << day.tail << " bytes at its end were not finished; a worker cuts them off\n";
    files += day.blocks.empty() ? 0 : 1;
    lines += filed + day.pending_lines;
    pending += day.pending_lines;
  }
  void Find(const std::string& name, const std::string& what) {
    ++findings;
    out_ << name << ": " << what << '\n';
  }

  std::uint64_t files = 0;
  std::uint64_t lines = 0;
  std::uint64_t pending = 0;
  std::uint64_t findings = 0;

 private:
  void CheckLines(const std::string& name, const ArchiveFileRow& row, std::string_view text, std::uint64_t first,
                  std::uint64_t last) {
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n') + 1);
      rest.remove_prefix(line.size());
      const auto parsed = json::Parse(line);
      if (!parsed || !parsed->is_object()) {
        Find(name, "has a line that is no JSON object");
        continue;
      }
      const auto room = json::OptionalText(parsed->get_object(), "room");
      const auto seq = json::OptionalWhole(parsed->get_object(), "seq");
      if (!room || !*room || **room != row.room || !seq || !*seq || **seq < first || **seq > last) {
        Find(name, "has a line of another room or block");
        continue;
      }
      if (!seen_[row.room].insert(**seq).second) Find(name, "has the event " + std::to_string(**seq) + " twice");
    }
  }

  std::ostream& out_;
  std::map<std::string, std::set<std::uint64_t>> seen_;
};

}  // namespace

Status CatArchive(const Config& config, const std::string& room, const std::string& day, std::ostream& out) {
  const fs::path data = config.data;
  if (!room.empty() && !IsRoomId(room)) return Fail(ErrorCode::kInvalid, "'" + room + "' is no room's id");
  if (!day.empty() && !IsDay(day)) return Fail(ErrorCode::kInvalid, "'" + day + "' is no day as 2026-11-26");
  // All rooms in order, whatever lanes they are in.
  std::map<std::pair<std::string, std::string>, fs::path> days;
  for (const fs::path& lane : LanesOf(data)) {
    try {
      sqlite::Database database(lane.string(), sqlite::Database::Mode::kReader);
      for (auto& each : ArchiveRows(database).All()) days.emplace(std::move(each), lane);
    } catch (const StoreFailure& failure) {
      return std::unexpected(failure.error().Within(lane.string()));
    }
  }
  for (const auto& [key, lane] : days) {
    if ((!room.empty() && key.first != room) || (!day.empty() && key.second != day)) continue;
    try {
      sqlite::Database database(lane.string(), sqlite::Database::Mode::kReader);
      ArchiveRows rows(database);
      const auto read = ReadDay(rows, data, key.first, key.second);
      if (!read) return std::unexpected(read.error());
      for (const ArchiveBlock& block : read->blocks) out << block.text;
      out << read->pending;
    } catch (const StoreFailure& failure) {
      return std::unexpected(failure.error().Within(lane.string()));
    }
  }
  return {};
}

Status VerifyArchive(const Config& config, std::ostream& out) {
  const fs::path data = config.data;
  Checker checker(out);
  std::set<fs::path> known;
  const Status read = ForLanes(data, [&](ArchiveRows& rows) -> Status {
    for (const auto& [room, day] : rows.All()) {
      const std::string name = room + "/" + day;
      known.insert(ArchiveFile(data, room, day));
      const auto found = ReadDay(rows, data, room, day);
      if (found) {
        checker.Check(name, *found);
      } else {
        checker.Find(name, found.error().message());
      }
    }
    return {};
  });
  if (!read) return read;
  std::error_code error;
  const fs::path rooms = WorkerFolder(data, "archive") / "rooms";
  for (auto entry = fs::recursive_directory_iterator(rooms, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    // One that no lane knows of has no end yet: its first block was not finished.
    if (entry->is_regular_file() && entry->path().extension() == ".zst" && !known.contains(entry->path())) {
      checker.Find(fs::relative(entry->path(), rooms).string(), "is known to no lane");
    }
  }
  out << checker.files << " files, " << checker.lines << " lines, of which " << checker.pending
      << " are in no file yet; " << checker.findings << " findings\n";
  if (checker.findings == 0) return {};
  return Fail(ErrorCode::kInternal, "the archive has " + std::to_string(checker.findings) + " findings");
}

}  // namespace tidings::app
