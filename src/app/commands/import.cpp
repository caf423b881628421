#include <tidings/app/commands.hpp>

#include <future>

#include <tidings/base/bytes.hpp>
#include <tidings/chat/rebuild.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>
#include <tidings/storage/chat/transfer_rows.hpp>

#include "export_lines.hpp"
#include "local_store.hpp"
#include "progress.hpp"

namespace tidings::app {

namespace {

constexpr std::uint64_t kFlushEvery = 1'000;

// Thrown for what cannot be imported, so that nothing of it stays.
[[noreturn]] void GiveUp(const Error& error) { throw eventing::StoreFailure(error); }

// One member of a line that was exported by us.
class Members {
 public:
  Members(const ExportReader& reader, const json::object& from) : reader_(reader), from_(from) {}

  std::string Text(std::string_view key) const {
    auto found = json::RequiredText(from_, key);
    if (!found) GiveUp(reader_.Fault(found.error().message()).error());
    return std::move(*found);
  }
  std::uint64_t Whole(std::string_view key) const {
    const auto found = json::OptionalWhole(from_, key);
    if (!found || !*found) GiveUp(reader_.Fault("\"" + std::string(key) + "\" is missing").error());
    return **found;
  }
  Millis Time(std::string_view key) const { return static_cast<Millis>(Whole(key)); }
  bool Flag(std::string_view key) const {
    const auto found = json::OptionalBool(from_, key);
    if (!found || !*found) GiveUp(reader_.Fault("\"" + std::string(key) + "\" is missing").error());
    return **found;
  }
  Members Inner(std::string_view key) const {
    const auto* found = from_.if_contains(key);
    if (found == nullptr || !found->is_object())
      GiveUp(reader_.Fault("\"" + std::string(key) + "\" is missing").error());
    return Members(reader_, found->get_object());
  }

 private:
  const ExportReader& reader_;
  const json::object& from_;
};

// The whole file in one commit.
class ImportUnit final : public eventing::Unit {
 public:
  ImportUnit(ExportReader reader, LineCounts counts, Progress& progress, std::promise<Status> outcome)
      : reader_(std::move(reader)), counts_(counts), progress_(progress), outcome_(std::move(outcome)) {}

  Status Run(eventing::Transaction& transaction) override {
    auto& database = sqlite::SqliteTransaction::Of(transaction).database();
    if (transaction.Head() != 0 || !database.Slot<sqlite::TransferRows>().Users(0, 1).empty()) {
      return Fail(ErrorCode::kConflict, "the store is not empty; import into a new folder");
    }
    auto& tables = database.Slot<sqlite::SqliteTables>();
    chat::Rebuild rebuild(tables, [&](chat::RoomKey room, chat::Seq seq) { return transaction.Read(room, seq); });
    while (true) {
      json::object line;
      const auto kind = reader_.Next(line);
      if (!kind) GiveUp(kind.error());
      const Members members(reader_, line);
      switch (*kind) {
        case LineKind::kHeader: Header(members); break;
        case LineKind::kUser: User(tables, members.Inner("user")); break;
        case LineKind::kEvent: Event(transaction, rebuild, members); break;
        case LineKind::kRead: Read(rebuild, members.Inner("read")); break;
        case LineKind::kRoom: Room(transaction, members.Inner("room")); break;
        case LineKind::kEnd: rebuild.Flush(); return {};
      }
    }
  }
  void Done(const Status& outcome) override { outcome_.set_value(outcome); }

 private:
  void Header(const Members& line) {
    if (line.Whole("version") > kExportVersion) {
      GiveUp(reader_.Fault("this export was written by a newer version of tidings; import it with that").error());
    }
  }

  static void User(chat::Tables& tables, const Members& line) {
    chat::UserRow user;
    user.key = line.Whole("key");
    user.id = line.Text("_id");
    user.name = line.Text("name");
    user.username = line.Text("username");
    user.password_hash = line.Text("passwordHash");
    user.suspended = line.Flag("suspended");
    user.created_at = line.Time("createdAt");
    user.last_seen = line.Time("lastSeen");
    tables.InsertUser(user);
  }

  void Event(eventing::Transaction& transaction, chat::Rebuild& rebuild, const Members& line) {
    const Members shown = line.Inner("event");
    const auto id = Uuid::Parse(shown.Text("id"));
    auto data = Base64Decode(line.Text("record"));
    if (!id || !data) GiveUp(reader_.Fault("the event is damaged").error());
    const std::string room = shown.Text("room");
    eventing::StoredEvent event;
    event.id = *id;
    event.type = shown.Text("type");
    event.at = line.Time("at");
    event.author = line.Whole("author");
    event.redacted = line.Flag("redacted");
    event.version = shown.Whole("seq");
    event.position = line.Whole("position");
    eventing::ImportedEvent imported(eventing::NewEvent(event.type, std::move(*data), event.author), event.id,
                                     event.at);
    imported.redacted = event.redacted;
    imported.position = event.position;
    const auto appended = transaction.Import(room, eventing::Expected::At(event.version - 1), imported);
    if (!appended) GiveUp(reader_.Fault(appended.error().message()).error());
    event.stream = appended->stream;
    event.data = std::move(imported.event.data);
    rebuild.Apply(event, room);
    if (++events_ % kFlushEvery == 0) rebuild.Flush();
    progress_.Tell("importing", events_, counts_.events);
  }

  void Read(chat::Rebuild& rebuild, const Members& line) {
    if (rebuild.SetRead(line.Text("room"), line.Whole("user"), line.Whole("seq"))) return;
    GiveUp(reader_.Fault("the read position is of no member, or beyond the room").error());
  }

  void Room(eventing::Transaction& transaction, const Members& line) {
    const auto stream = transaction.FindStream(line.Text("_id"));
    if (stream && transaction.StreamHead(*stream) == line.Whole("events")) return;
    GiveUp(reader_.Fault("the room has not as many events as the export says").error());
  }

  ExportReader reader_;
  const LineCounts counts_;
  Progress& progress_;
  std::promise<Status> outcome_;
  std::uint64_t events_ = 0;
};

}  // namespace

Status Import(const Config& config, const std::string& file, std::ostream& out) {
  auto first = ExportReader::Open(file);
  if (!first) return std::unexpected(first.error());
  const auto counts = first->Check();
  if (!counts) return std::unexpected(counts.error());
  auto reader = ExportReader::Open(file);
  if (!reader) return std::unexpected(reader.error());
  auto store = LocalStore::Open(config.data, Use::kMake);
  if (!store) return std::unexpected(store.error());
  Progress progress;
  std::promise<Status> outcome;
  auto done = outcome.get_future();
  (*store)->events().Submit(std::make_unique<ImportUnit>(std::move(*reader), *counts, progress, std::move(outcome)));
  Status imported;
  try {
    imported = done.get();
  } catch (const std::future_error&) {
    imported = Fail(ErrorCode::kInternal, "the outcome is unknown; run verify");
  }
  progress.Clear();
  if (!imported) return imported;
  out << "imported " << counts->users << " users, " << counts->rooms << " rooms and " << counts->events << " events\n";
  return {};
}

}  // namespace tidings::app
