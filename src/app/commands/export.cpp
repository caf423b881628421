#include <tidings/app/commands.hpp>

#include <map>

#include <tidings/base/bytes.hpp>
#include <tidings/chat/record.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>
#include <tidings/storage/chat/transfer_rows.hpp>

#include "access.hpp"
#include "export_file.hpp"
#include "export_lines.hpp"
#include "progress.hpp"

namespace tidings::app {

namespace {

constexpr std::size_t kExportedAtOnce = 500;

class Exporter {
 public:
  Exporter(LocalStore& store, ExportFile& file, Progress& progress)
      : store_(store.events()), file_(file), progress_(progress) {}

  // Throws eventing::StoreFailure.
  Result<LineCounts> Run() {
    Status written = Header();
    if (written) written = Users();
    if (written) written = Events();
    if (written) written = Reads();
    if (written) written = Rooms();
    if (written) written = End();
    if (!written) return std::unexpected(written.error());
    return counts_;
  }

 private:
  Status Write(LineKind kind, std::string& line) {
    line += '\n';
    counts_.Add(kind);
    digest_.Add(line);
    return file_.Write(line);
  }

  Status Header() {
    std::string line;
    json::ObjectWriter(line)
        .Text("tidings", "export")
        .Number("version", kExportVersion)
        .Text("store", store_.id().Text())
        .Time("at", SystemClock().Now())
        .Number("head", store_.Head())
        .End();
    return Write(LineKind::kHeader, line);
  }

  Status Users() {
    for (chat::UserKey last = 0;;) {
      std::vector<chat::UserRow> users;
      store_.readers().ReadNow([&](sqlite::Database& database) {
        users = database.Slot<sqlite::TransferRows>().Users(last, kExportedAtOnce);
      });
      for (const chat::UserRow& user : users) {
        std::string line = R"({"user":)";
        json::ObjectWriter(line)
            .Number("key", user.key)
            .Text("_id", user.id)
            .Text("name", user.name)
            .Text("username", user.username)
            .Text("passwordHash", user.password_hash)
            .Bool("suspended", user.suspended)
            .Number("createdAt", static_cast<std::uint64_t>(user.created_at))
            .Number("lastSeen", static_cast<std::uint64_t>(user.last_seen))
            .End();
        line += '}';
        if (auto written = Write(LineKind::kUser, line); !written) return written;
        last = user.key;
      }
      if (users.size() < kExportedAtOnce) return {};
    }
  }

  Status Events() {
    for (eventing::Position after = 0;;) {
      const auto events = store_.ReadAll(after, kExportedAtOnce);
      if (!events) return std::unexpected(events.error());
      if (events->empty()) return {};
      Status written;
      store_.readers().ReadNow([&](sqlite::Database& database) {
        for (const eventing::StoredEvent& event : *events) {
          if (written) written = Event(database, event);
        }
      });
      if (!written) return written;
      after = events->back().position;
      progress_.Tell("exporting", after, store_.Head());
    }
  }

  Status Event(sqlite::Database& database, const eventing::StoredEvent& event) {
    const std::string room = database.Slot<sqlite::TransferRows>().RoomId(event.stream);
    std::string line = R"({"event":)";
    if (!chat::AppendEvent(line, room, event, chat::QuotesOf(database.Slot<sqlite::SqliteReader>(), event.stream))) {
      return Fail(ErrorCode::kInternal, "the event at position " + std::to_string(event.position) +
                                            " cannot be read; run verify, and restore a backup");
    }
    line += R"(,"position":)";
    json::AppendNumber(line, event.position);
    line += R"(,"at":)";
    json::AppendNumber(line, static_cast<std::uint64_t>(event.at));
    line += R"(,"author":)";
    json::AppendNumber(line, event.author);
    line += event.redacted ? R"(,"redacted":true,"record":")" : R"(,"redacted":false,"record":")";
    line += Base64Encode(event.data);
    line += "\"}";
    ++rooms_[room];
    return Write(LineKind::kEvent, line);
  }

  Status Reads() {
    for (sqlite::ReadPosition last;;) {
      std::vector<sqlite::ReadPosition> reads;
      store_.readers().ReadNow([&](sqlite::Database& database) {
        reads = database.Slot<sqlite::TransferRows>().ReadPositions(last, kExportedAtOnce);
      });
      for (const auto& read : reads) {
        std::string line = R"({"read":)";
        json::ObjectWriter(line).Text("room", read.room_id).Number("user", read.user).Number("seq", read.seq).End();
        line += '}';
        if (auto written = Write(LineKind::kRead, line); !written) return written;
      }
      if (reads.size() < kExportedAtOnce) return {};
      last = reads.back();
    }
  }

  Status Rooms() {
    for (const auto& [room, events] : rooms_) {
      std::string line = R"({"room":)";
      json::ObjectWriter(line).Text("_id", room).Number("events", events).End();
      line += '}';
      if (auto written = Write(LineKind::kRoom, line); !written) return written;
    }
    return {};
  }

  Status End() {
    std::string line = R"({"end":)";
    json::ObjectWriter(line)
        .Number("users", counts_.users)
        .Number("events", counts_.events)
        .Number("reads", counts_.reads)
        .Number("rooms", counts_.rooms)
        .Text("digest", digest_.Hex())
        .End();
    line += "}\n";
    return file_.Write(line);
  }

  sqlite::SqliteEventStore& store_;
  ExportFile& file_;
  Progress& progress_;
  LineCounts counts_;
  LineDigest digest_;
  std::map<std::string, std::uint64_t> rooms_;
};

}  // namespace

Status Export(const Config& config, const std::string& file, std::ostream& out, bool replace) {
  if (Status free = ExportFile::Free(file, replace); !free) return free;
  Progress progress;
  auto snapshot = Snapshot::Take(
      config.data, [&](std::uint64_t done, std::uint64_t all) { progress.Tell("copying pages", done, all); });
  if (!snapshot) return std::unexpected(snapshot.error());
  auto target = ExportFile::Make(file, out);
  if (!target) return std::unexpected(target.error());
  try {
    const auto counts = Exporter(snapshot->store(), *target, progress).Run();
    progress.Clear();
    if (!counts) return std::unexpected(counts.error());
    if (auto finished = target->Finish(); !finished) return finished;
    if (ExportFile::IsOutput(file)) return {};
    out << "exported " << counts->users << " users, " << counts->rooms << " rooms and " << counts->events
        << " events to " << file << '\n';
    return {};
  } catch (const eventing::StoreFailure& failure) {
    return std::unexpected(failure.error());
  }
}

}  // namespace tidings::app
