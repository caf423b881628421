#include <tidings/storage/chat/scratch_tables.hpp>

#include <filesystem>

#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>
#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>
#include <tidings/storage/sqlite/event_rows.hpp>

namespace tidings::sqlite {

namespace {

// What a URI file name may hold as it is.
std::string Escape(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      out += '%' + HexEncode({&c, 1});
    } else {
      out += c;
    }
  }
  return out;
}

// Names of streams, by key.
class StreamNames {
 public:
  explicit StreamNames(Database& database) : name_(database, "SELECT name FROM streams WHERE key = ?1") {}
  std::string Of(eventing::StreamKey key) {
    Rows rows = name_.Query(key);
    return rows.Next() ? std::string(rows.Text(0)) : std::string();
  }

 private:
  Statement name_;
};

}  // namespace

// The store's tables are found under their plain names wherever the scratch file has none of that name: its events and
// users are, its derived tables are not.
ScratchTables::ScratchTables(const std::string& folder, const std::string& store)
    : database_(folder + "/derived-" + RandomToken(12) + ".db", Database::Mode::kWriter) {
  database_.Execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536");
  database_.Execute(DerivedSchema());
  // The open file stays until it is closed, however this process ends.
  std::filesystem::remove(database_.path());
  Statement attach(database_, "ATTACH ?1 AS store");
  const std::string name = "file:" + Escape(store) + "?mode=ro";
  attach.Execute(name);
  database_.Execute("BEGIN");
  Head();
}

ScratchTables::~ScratchTables() = default;

chat::Tables& ScratchTables::tables() { return database_.Slot<SqliteTables>(); }

std::vector<eventing::StoredEvent> ScratchTables::ReadAll(chat::Position after, std::size_t limit) {
  return database_.Slot<EventRows>().ReadAll(after, limit);
}

std::optional<eventing::StoredEvent> ScratchTables::Read(chat::RoomKey room, chat::Seq seq) {
  return database_.Slot<EventRows>().Read(room, seq);
}

chat::Position ScratchTables::Head() { return database_.Slot<EventRows>().Head(); }

std::string ScratchTables::RoomId(chat::RoomKey room) { return database_.Slot<StreamNames>().Of(room); }

std::vector<std::string> ScratchTables::Compare(const CompareProgress& progress) {
  const TablesAt kept(database_, "store");
  auto findings = CompareTables(kept, database_, progress);
  for (std::string& finding : CheckBounds(kept)) {
    if (findings.size() < kMostFindings) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace tidings::sqlite
