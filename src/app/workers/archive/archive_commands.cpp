#include <tidings/app/archive.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <tidings/base/json.hpp>

#include "archive/archive_file.hpp"
#include "archive/archive_numbers.hpp"
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
  Status file;  // why it could not be read, and there are no blocks
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

Status ReadFileOf(Day& day, const fs::path& data) {
  const fs::path file = ArchiveFile(data, day.row.room, day.row.day);
  auto found = ReadFile(file);
  if (!found) return std::unexpected(found.error());
  auto& bytes = *found;
  if (!bytes) return Fail(ErrorCode::kNotFound, file.string() + ": is missing");
  const std::uint64_t end =
      day.row.rewriting != 0 && bytes->size() == day.row.rewriting ? day.row.rewriting : day.row.bytes;
  if (bytes->size() < end) return Fail(ErrorCode::kMalformed, file.string() + ": is shorter than it was");
  day.tail = bytes->size() - end;
  bytes->resize(end);
  auto blocks = UnpackBlocks(*bytes);
  if (!blocks) return std::unexpected(blocks.error().Within(file.string()));
  day.blocks = std::move(*blocks);
  return {};
}

Day TryReadDay(ArchiveRows& rows, const fs::path& data, const std::string& room, const std::string& day) {
  Day read;
  read.row = rows.File(room, day);
  const ArchivePending pending = rows.Pending(room, day, std::numeric_limits<std::size_t>::max());
  read.pending = pending.text;
  read.pending_lines = pending.lines;
  if (read.row.bytes != 0) read.file = ReadFileOf(read, data);
  return read;
}

// A worker may write meanwhile: what does not fit is looked at again.
Day ReadDay(ArchiveRows& rows, const fs::path& data, const std::string& room, const std::string& day) {
  for (int i = 1;; ++i) {
    const ArchiveFileRow before = rows.File(room, day);
    Day read = TryReadDay(rows, data, room, day);
    if (i == kTries || (Same(before, rows.File(room, day)) && Same(before, read.row))) return read;
  }
}

// kNotFound: no archive was begun there.
Status FindArchive(const fs::path& data) {
  const fs::path folder = WorkerFolder(data, "archive");
  std::error_code error;
  if (fs::exists(folder / kLanesFile, error) || fs::exists(folder / "rooms", error) || !LanesOf(data).empty())
    return {};
  return Fail(ErrorCode::kNotFound, "there is no archive in " + data.string() + "; name its folder with --data");
}

// Runs `use` on the lane's rows; an error if its file cannot be read.
template <class Use>
Status OnLane(const fs::path& lane, Use use) {
  try {
    sqlite::Database database(lane.string(), sqlite::Database::Mode::kReader);
    use(database);
    return {};
  } catch (const StoreFailure& failure) {
    return std::unexpected(failure.error().Within(lane.string()));
  }
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
    if (!day.file) {
      Find(name, day.file.error().message());
    } else if (filed != day.row.lines || (filed != 0 && last != day.row.last)) {
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

  void FindHole(const ArchiveHole& hole) {
    Find(hole.room, hole.first == hole.last ? "the event " + std::to_string(hole.first) + " is missing"
                                            : "the events " + std::to_string(hole.first) + " to " +
                                                  std::to_string(hole.last) + " are missing");
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

Status CatArchive(const Config& config, const std::string& room, const std::string& day, std::ostream& out,
                  std::ostream& err) {
  const fs::path data = config.data;
  if (!room.empty() && !IsRoomId(room)) return Fail(ErrorCode::kInvalid, "'" + room + "' is no room's id");
  if (!day.empty() && !IsDay(day)) return Fail(ErrorCode::kInvalid, "'" + day + "' is no day as 2026-11-26");
  if (Status found = FindArchive(data); !found) return found;
  std::uint64_t failures = 0;
  const auto tell = [&](const Status& read) {
    if (read) return;
    ++failures;
    err << read.error().message() << '\n';
  };
  // All rooms in order, whatever lanes they are in.
  std::map<std::pair<std::string, std::string>, fs::path> days;
  for (const fs::path& lane : LanesOf(data)) {
    tell(OnLane(lane, [&](sqlite::Database& database) {
      for (auto& each : ArchiveRows(database).All()) {
        if ((room.empty() || each.first == room) && (day.empty() || each.second == day)) {
          days.emplace(std::move(each), lane);
        }
      }
    }));
  }
  for (const auto& [key, lane] : days) {
    tell(OnLane(lane, [&](sqlite::Database& database) {
      ArchiveRows rows(database);
      const Day read = ReadDay(rows, data, key.first, key.second);
      tell(read.file);
      for (const ArchiveBlock& block : read.blocks) out << block.text;
      out << read.pending;
    }));
  }
  if (failures > 0) {
    return Fail(ErrorCode::kInternal, "the archive has files that cannot be read, named above: " +
                                          std::to_string(failures) + "; the lines of the others were written");
  }
  if (days.empty() && !(room.empty() && day.empty())) {
    return Fail(ErrorCode::kNotFound, "the archive has no line" + (room.empty() ? "" : " of the room " + room) +
                                          (day.empty() ? "" : " of " + day));
  }
  return {};
}

Status VerifyArchive(const Config& config, std::ostream& out) {
  const fs::path data = config.data;
  if (Status found = FindArchive(data); !found) return found;
  Checker checker(out);
  std::set<fs::path> known;
  bool whole = true;  // every lane could be read
  for (const fs::path& lane : LanesOf(data)) {
    const Status read = OnLane(lane, [&](sqlite::Database& database) {
      ArchiveRows rows(database);
      for (const auto& [room, day] : rows.All()) {
        known.insert(ArchiveFile(data, room, day));
        checker.Check(room + "/" + day, ReadDay(rows, data, room, day));
      }
      if (!ArchiveNumbers::In(database)) return;
      for (const ArchiveHole& hole : ArchiveNumbers(database).Holes()) checker.FindHole(hole);
    });
    if (read) continue;
    whole = false;
    checker.Find(lane.filename().string(), read.error().message());
  }
  std::error_code error;
  const fs::path rooms = WorkerFolder(data, "archive") / "rooms";
  for (auto entry = fs::recursive_directory_iterator(rooms, error);
       whole && !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
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
