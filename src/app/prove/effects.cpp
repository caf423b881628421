#include "effects.hpp"

#include <charconv>
#include <filesystem>
#include <map>
#include <utility>

namespace tidings::app {
namespace {

// Survives the death of processes, which is all that is tried here, and has no log that would grow.
constexpr const char* kSetUp = R"sql(
PRAGMA journal_mode=TRUNCATE;
PRAGMA synchronous=OFF;
CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY) WITHOUT ROWID;
)sql";

constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS effects (place INTEGER PRIMARY KEY, key TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS repeats (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
INSERT OR IGNORE INTO repeats VALUES (1, 0);
)sql";

sqlite::Database& SetUp(sqlite::Database& database) {
  database.Execute("PRAGMA busy_timeout=10000");
  database.Execute(kSetUp);
  database.Execute(kTables);
  return database;
}

}  // namespace

Effects::Effects(const std::string& file)
    : database_(file, sqlite::Database::Mode::kWriter),
      seen_(SetUp(database_), "INSERT OR IGNORE INTO inbox (id) VALUES (?)"),
      put_(database_, "INSERT INTO effects (key, number) VALUES (?, ?)"),
      repeat_(database_, "UPDATE repeats SET n = n + 1") {}

void Effects::Record(const std::string& id, const std::string& key, std::uint64_t number) {
  database_.Execute("BEGIN IMMEDIATE");
  try {
    if (seen_.Execute(id) > 0) {
      put_.Execute(key, number);
    } else {
      repeat_.Execute();
    }
    database_.Execute("COMMIT");
  } catch (...) {
    database_.Rollback();
    throw;
  }
}

Result<std::unique_ptr<messaging::SqliteInbox>> OpenEffects(messaging::Executor executor, const std::string& file) {
  messaging::SqliteInbox::Options options;
  options.file = file;
  options.prepare = [](sqlite::Database& database) -> Status {
    database.Execute(kTables);
    return {};
  };
  return messaging::SqliteInbox::Open(std::move(executor), std::move(options));
}

messaging::SqliteUnit::Effect WriteEffect(const messaging::Message& message) {
  return [key = message.key, number = NumberOf(message)](sqlite::Database& database) -> Status {
    sqlite::Statement(database, "INSERT INTO effects (key, number) VALUES (?, ?)").Execute(key, number);
    return {};
  };
}

messaging::SqliteUnit::Effect WriteRepeats(std::uint64_t count) {
  return [count](sqlite::Database& database) -> Status {
    sqlite::Statement(database, "UPDATE repeats SET n = n + ?").Execute(count);
    return {};
  };
}

std::uint64_t NumberOf(const messaging::Message& message) {
  std::uint64_t number = 0;
  std::from_chars(message.body.data(), message.body.data() + message.body.size(), number);
  return number;
}

std::string EffectsFile(const std::string& folder, std::uint32_t part) {
  return folder + "/effects-" + std::to_string(part) + ".db";
}

std::optional<std::uint64_t> CountEffects(const std::string& file, std::uint64_t most) {
  try {
    if (!std::filesystem::exists(file)) return 0;
    sqlite::Database database(file, sqlite::Database::Mode::kReader);
    database.Execute("PRAGMA busy_timeout=1000");
    sqlite::Statement count(database, "SELECT count(DISTINCT number) FROM effects WHERE number <= ?");
    return static_cast<std::uint64_t>(count.Number(most).value_or(0));
  } catch (const StoreFailure&) {
    return std::nullopt;
  }
}

void Judge(const std::string& file, std::uint64_t accepted, ProveReport& report) {
  report.accepted += accepted;
  if (!std::filesystem::exists(file)) {
    report.lost += accepted;
    return;
  }
  // To write: whoever was killed in a commit left that to be undone.
  sqlite::Database database(file, sqlite::Database::Mode::kWriter);
  sqlite::Statement all(database, "SELECT key, number FROM effects ORDER BY place");
  std::map<std::string, std::uint64_t> newest;
  std::map<std::uint64_t, std::uint64_t> times;
  for (auto rows = all.Query(); rows.Next();) {
    const std::uint64_t number = rows.Whole(1);
    ++times[number];
    std::uint64_t& last = newest[std::string(rows.Text(0))];
    if (number < last) ++report.reordered;
    last = std::max(last, number);
  }
  for (const auto& [number, count] : times) report.duplicated += count - 1;
  for (std::uint64_t number = 1; number <= accepted; ++number) report.lost += times.contains(number) ? 0 : 1;
  report.repeats += static_cast<std::uint64_t>(database.Number("SELECT n FROM repeats"));
}

}  // namespace tidings::app
