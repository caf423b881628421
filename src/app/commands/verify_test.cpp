#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "testing/store_fixture.hpp"

namespace tidings::app {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class VerifyTest : public StoreFixture {};

TEST_F(VerifyTest, FindsNothingAfterARandomPast) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    std::filesystem::remove_all(data());
    Live(seed, 1'200);
    EXPECT_THAT(Findings(), IsEmpty());
    std::ostringstream out;
    const auto verified = Verify(Here(), out);
    EXPECT_TRUE(verified) << out.str();
    EXPECT_THAT(out.str(), HasSubstr("no findings"));
  }
}

TEST_F(VerifyTest, LeavesNothingBehind) {
  Live(1, 50);
  std::ostringstream out;
  ASSERT_TRUE(Verify(Here(), out));
  for (const auto& entry : std::filesystem::directory_iterator(data())) {
    EXPECT_THAT(entry.path().filename().string(), testing::AnyOf("tidings.db", "tidings.lock"));
  }
}

TEST_F(VerifyTest, FindsEachPlantedFault) {
  Live(7, 1'200);
  std::filesystem::copy(data(), File("whole"));
  for (const auto& [name, sql] : std::vector<std::pair<std::string, std::string>>{
           {"a changed preview", "UPDATE rooms SET last_value = 'other' WHERE id = 'busy'"},
           {"a missing preview", "UPDATE rooms SET last_seq = NULL, last_at = NULL WHERE id = 'busy'"},
           {"a wrong head", "UPDATE rooms SET head = head - 1 WHERE id = 'group'"},
           {"a missing mention",
            "DELETE FROM mentions WHERE (user, room, seq) IN (SELECT user, room, seq FROM mentions LIMIT 1)"},
           {"a wrong count", "UPDATE counts SET n = n + 1 WHERE author = 0 AND level = 0 AND block = 0"},
           {"a member too many", "INSERT INTO members SELECT key, 99, 0, 1, 1, 0 FROM rooms WHERE id = 'group'"},
           {"another role", "UPDATE members SET role = 1 WHERE user = 1"},
           {"a missing send", "DELETE FROM sends WHERE client_id = (SELECT min(client_id) FROM sends)"},
           {"another state", "UPDATE message_state SET record = x'00' WHERE rowid = 1"},
           {"a missing reply", "DELETE FROM replies WHERE reply = (SELECT min(reply) FROM replies)"},
           {"a missing reaction", "DELETE FROM reactions WHERE seq = (SELECT min(seq) FROM reactions)"},
           {"a removed event", "DELETE FROM events WHERE position = 20"},
           {"the newest event removed", "DELETE FROM events WHERE position = (SELECT max(position) FROM events)"},
           {"a changed byte",
            "UPDATE events SET data = CAST(substr(data, 1, length(data) - 1) || 'z' AS BLOB) WHERE position = 20"},
           {"another time", "UPDATE events SET at = at + 1 WHERE position = 20"},
           {"another author", "UPDATE events SET author = author + 1 WHERE position = 20"},
           {"two events in each other's place",
            "UPDATE events SET version = -version WHERE stream = 1 AND version IN (3, 4); UPDATE events SET version = "
            "7 + version WHERE stream = 1 AND version < 0"},
           {"a read position above the head", "UPDATE members SET read = 100000 WHERE user = 1"},
           {"a session of nobody", "INSERT INTO sessions VALUES ('p', 99, 's', 1, 1, '')"},
       }) {
    SCOPED_TRACE(name);
    const std::string damaged = File("damaged");
    std::filesystem::remove_all(damaged);
    std::filesystem::copy(File("whole"), damaged);
    ASSERT_TRUE(Spoil(damaged, sql)) << "it changes something";
    std::ostringstream out;
    const auto verified = Verify(At(damaged), out);
    ASSERT_FALSE(verified);
    EXPECT_THAT(verified.error().message(), HasSubstr("finding"));
    EXPECT_FALSE(out.str().empty());
  }
}

TEST_F(VerifyTest, NamesTheRow) {
  Live(3, 300);
  Spoil(data(), "UPDATE members SET read = 100000 WHERE room = 1 AND user = 1");
  EXPECT_THAT(Findings(), Contains(HasSubstr("members (room 1, user 1): the read position 100000 lies beyond")));
}

std::string Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(VerifyTest, ChangesNothing) {
  Live(1, 50);
  const std::string before = Load(data() + "/tidings.db");
  std::ostringstream out;
  ASSERT_TRUE(Verify(Here(), out));
  EXPECT_EQ(Load(data() + "/tidings.db"), before);
}

TEST_F(VerifyTest, LeavesAStoreAsACrashLeftIt) {
  const std::string crashed = File("crashed");
  std::filesystem::create_directory(crashed);
  {
    auto store = LocalStore::Open(data(), Use::kMake);
    ASSERT_TRUE(store) << store.error().message();
    History history(**store, 5);
    history.Begin();
    history.Go(200);
    for (const char* name : {"/tidings.db", "/tidings.db-wal"}) {
      std::filesystem::copy_file(data() + name, crashed + name);
    }
  }
  const std::string file = Load(crashed + "/tidings.db");
  const std::string log = Load(crashed + "/tidings.db-wal");
  ASSERT_FALSE(log.empty());
  std::ostringstream out;
  const auto verified = Verify(At(crashed), out);
  EXPECT_TRUE(verified) << out.str();
  ASSERT_TRUE(ListUsers(At(crashed), out));
  EXPECT_EQ(Load(crashed + "/tidings.db"), file);
  EXPECT_EQ(Load(crashed + "/tidings.db-wal"), log);
}

TEST_F(VerifyTest, AStoreOfAnOlderVersionStaysOne) {
  Live(1, 50);
  Spoil(data(), "PRAGMA journal_mode=DELETE");
  Spoil(data(), "PRAGMA user_version=1000");
  const std::string older = Load(data() + "/tidings.db");
  std::ostringstream out;
  for (const auto& command : std::vector<std::function<Status()>>{
           [&] { return Verify(Here(), out); },
           [&] { return Export(Here(), File("export.jsonl"), out); },
           [&] { return Backup(Here(), File("backup"), out); },
           [&] { return ListUsers(Here(), out); },
           [&] { return SuspendUser(Here(), "ann", true, out); },
       }) {
    const auto refused = command();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("written by an older version"));
    EXPECT_THAT(refused.error().message(), HasSubstr("start the server once"));
    EXPECT_EQ(Load(data() + "/tidings.db"), older);
  }
}

TEST_F(VerifyTest, RefusesAFolderWithoutAStoreAndMakesNone) {
  std::ostringstream out;
  const auto verified = Verify(At(File("none")), out);
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message(), HasSubstr("there is no store in"));
  EXPECT_FALSE(std::filesystem::exists(File("none")));
}

}  // namespace
}  // namespace tidings::app
