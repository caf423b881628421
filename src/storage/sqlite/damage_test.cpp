// Files that are not as they were written: refused or found, never served, never a crash.
#include <gtest/gtest.h>

#include <random>

#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

constexpr int kEvents = 300;

std::string DataOf(int event) {
  return "event " + std::to_string(event) + std::string(static_cast<std::size_t>(event), '.');
}

// A store that was closed, with events in three streams.
void Fill(const TempFolder& folder) {
  const auto store = Started(In(folder));
  ASSERT_TRUE(store);
  for (int i = 0; i < kEvents; ++i) ASSERT_TRUE(Append(*store, "room " + std::to_string(i % 3), DataOf(i)));
}

// What a damaged store serves: the number of events, all of them right; nothing if it refuses.
std::optional<int> Served(SqliteEventStore& store, bool& wrong) {
  int served = 0;
  bool refused = false;
  for (int room = 0; room < 3; ++room) {
    const auto events = store.ReadStream("room " + std::to_string(room), 1, 1'000);
    refused = refused || !events;
    if (!events) continue;
    for (std::size_t i = 0; i < events->size(); ++i) {
      const auto& event = (*events)[i];
      const int number = static_cast<int>(i) * 3 + room;
      wrong = wrong || event.data != DataOf(number) || event.type != "noted" || event.version != i + 1 ||
              event.position != static_cast<unsigned>(number) + 1;
      ++served;
    }
  }
  const auto all = store.ReadAll(0, 1'000);
  refused = refused || !all;
  if (all) {
    for (const auto& event : *all) wrong = wrong || event.data != DataOf(static_cast<int>(event.position) - 1);
    refused = refused || all->size() < static_cast<std::size_t>(served);
  }
  if (refused) return std::nullopt;
  return served;
}

// The flips in shares, so that each ends within the time of a test.
class DamageOf : public ::testing::TestWithParam<int> {
 protected:
  static constexpr int kShares = 8;
};
INSTANTIATE_TEST_SUITE_P(Shares, DamageOf, ::testing::Range(0, 8));

TEST_P(DamageOf, ABitFlippedAnywhereIsNeverServed) {
  const TempFolder folder;
  Fill(folder);
  const std::string file = folder.File("store/tidings.db");
  const std::string sound = Load(file);
  std::mt19937 random(5 + static_cast<unsigned>(GetParam()));
  int refused = 0;
  int found = 0;
  int harmless = 0;
  const int flips = std::getenv("TIDINGS_TEST_FULL") != nullptr ? 20'000 : 400;
  for (int flip = GetParam(); flip < flips; flip += kShares) {
    std::string bytes = sound;
    const std::size_t at = flip < 100 ? static_cast<std::size_t>(flip) : random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
    Save(file, bytes);
    for (const char* rest : {"-wal", "-shm"}) std::filesystem::remove(file + rest);
    SCOPED_TRACE("byte " + std::to_string(at));
    auto options = In(folder);
    options.readers.threads = 0;
    options.fatal = [](const std::string&) {};
    const auto opened = SqliteEventStore::Open(options);
    if (!opened) {
      ++refused;
      EXPECT_TRUE(opened.error().message().contains("tidings.db")) << opened.error().message();
      continue;
    }
    bool wrong = false;
    const auto served = Served(**opened, wrong);
    EXPECT_FALSE(wrong) << "other data was served";
    const auto findings = (*opened)->CheckIntegrity();
    if (!served || !findings || !findings->empty()) {
      ++found;
    } else {
      EXPECT_EQ(served, kEvents) << "events vanished and nothing finds it";
      ++harmless;  // in unused space, or in what is not served
    }
  }
  std::printf("%d refused, %d found, %d harmless\n", refused, found, harmless);
  EXPECT_GT(refused, 0);
  EXPECT_GT(found, flips / kShares / 4);
}

TEST(Damage, ATruncatedFileIsRefusedUntouched) {
  const TempFolder folder;
  Fill(folder);
  const std::string file = folder.File("store/tidings.db");
  const std::string sound = Load(file);
  for (const std::size_t size : {sound.size() - 1, sound.size() - 4'096, sound.size() / 2, std::size_t{4'096},
                                 std::size_t{100}, std::size_t{50}, std::size_t{1}}) {
    Save(file, sound.substr(0, size));
    const auto before = Files(folder.File("store"));
    const std::string message = Refusal(In(folder));
    EXPECT_TRUE(message.contains("restore it from a backup")) << size << ": " << message;
    EXPECT_EQ(Files(folder.File("store")), before);
  }
}

TEST(Damage, AFileThatIsNoDatabaseIsRefusedUntouched) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.File("store"));
  Save(folder.File("store/tidings.db"), std::string(10'000, 'x'));
  const auto before = Files(folder.File("store"));
  EXPECT_TRUE(Refusal(In(folder)).contains("is damaged or no database"));
  EXPECT_EQ(Files(folder.File("store")), before);
}

TEST(Damage, ALogWithoutItsFileIsRefusedUntouched) {
  const TempFolder folder;
  const auto store = Started(In(folder));
  ASSERT_TRUE(Append(*store, "room", "1"));
  const TempFolder copied;
  std::filesystem::create_directory(copied.File("store"));
  std::filesystem::copy_file(folder.File("store/tidings.db-wal"), copied.File("store/tidings.db-wal"));
  const auto before = Files(copied.File("store"));
  EXPECT_TRUE(Refusal(In(copied)).contains("is gone though its log"));
  EXPECT_EQ(Files(copied.File("store")), before);
}

TEST(Damage, ATornLogIsCutOffAtItsLastCommit) {
  const TempFolder folder;
  auto options = In(folder);
  options.checkpoint_after = std::chrono::milliseconds(0);
  const auto store = Started(options);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Append(*store, "room", DataOf(i)));
  const std::string log = Load(folder.File("store/tidings.db-wal"));
  for (std::size_t size = 0; size <= log.size(); size += 1'777) {
    const TempFolder copied;
    std::filesystem::create_directory(copied.File("store"));
    std::filesystem::copy_file(folder.File("store/tidings.db"), copied.File("store/tidings.db"));
    Save(copied.File("store/tidings.db-wal"), log.substr(0, size));
    const auto recovered = Opened(In(copied));
    ASSERT_TRUE(recovered);
    const auto events = *recovered->ReadAll(0, 100);
    for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].data, DataOf(static_cast<int>(i)));
    EXPECT_EQ(recovered->CheckIntegrity()->size(), 0U);
  }
}

TEST(Damage, OnlyTheDamagedEventIsRefused) {
  const TempFolder folder;
  Fill(folder);
  const std::string file = folder.File("store/tidings.db");
  std::string bytes = Load(file);
  const std::size_t at = bytes.find(DataOf(150));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 1] = 'V';
  Save(file, bytes);
  const auto store = Started(In(folder));
  ASSERT_TRUE(store);
  EXPECT_EQ(store->ReadStream("room 0", 1, 50)->size(), 50U);
  const auto refused = store->ReadStream("room 0", 51, 1);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message().contains("the event at position 151 is damaged")) << refused.error().message();
  EXPECT_EQ(store->ReadStream("room 0", 52, 50)->size(), 49U);
  // A unit that meets it is refused; the store goes on.
  const Status unit = Do(*store, [](SqliteTransaction& transaction) -> Status {
    transaction.ReadAt(151);
    return {};
  });
  EXPECT_FALSE(unit);
  EXPECT_TRUE(Append(*store, "room 0", "more"));
  const auto findings = store->CheckIntegrity();
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_TRUE(findings->front().contains("position 151"));
}

TEST(Damage, TheCheckFindsWhatWasTamperedWith) {
  const TempFolder folder;
  Fill(folder);
  const std::pair<const char*, const char*> changes[] = {
      {"DELETE FROM events WHERE position = 7", "after version"},
      {"UPDATE events SET at = at + 1 WHERE position = 7", "position 7 is damaged"},
      {"UPDATE events SET author = 3 WHERE position = 7", "position 7 is damaged"},
      {"UPDATE events SET redacted = 1 WHERE position = 7", "position 7 is damaged"},
      {"UPDATE events SET stream = 2, version = 900 WHERE position = 7", "position 7 is damaged"},
      {"UPDATE events SET data = 'other' WHERE position = 7", "position 7 is damaged"},
      {"UPDATE events SET id = 'short' WHERE position = 7", "position 7 is damaged"},
      {"DELETE FROM event_types", "type 1 is not known"},
      {"DELETE FROM streams WHERE key = 2", "stream 2 has no name"},
  };
  const std::string file = folder.File("store/tidings.db");
  const std::string sound = Load(file);
  for (const auto& [change, finding] : changes) {
    Save(file, sound);
    {
      Database other(file, Database::Mode::kWriter);
      other.Execute(change);
      other.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
      other.RemoveLogOnClose();
    }
    const auto store = Opened(In(folder));
    ASSERT_TRUE(store);
    std::uint64_t last = 0;
    const auto findings = store->CheckIntegrity([&](std::uint64_t done, std::uint64_t) { last = done; });
    ASSERT_TRUE(findings && !findings->empty()) << change;
    EXPECT_TRUE(findings->front().contains(finding)) << change << ": " << findings->front();
    EXPECT_EQ(last, std::uint64_t{kEvents});
  }
}

}  // namespace
}  // namespace tidings::sqlite::testing
