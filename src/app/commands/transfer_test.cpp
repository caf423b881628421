// Export and import, and backup.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <future>

#include "testing/store_fixture.hpp"

namespace tidings::app {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// All rows that matter, each as one text.
constexpr const char* kTables[] = {
    "SELECT json_array(position, streams.name, version, event_types.name, at, author, redacted, hex(data)) FROM events "
    "JOIN streams ON key = stream JOIN event_types ON number = type ORDER BY position",
    "SELECT json_array(key, id, name, username, password_hash, suspended, created_at, last_seen) FROM users ORDER BY "
    "key",
    "SELECT json_array(key, head, members, kind, created_at, updated_at, deleted_at, last_at, last_seq, creator, "
    "pair_low, "
    "pair_high, id, name, creator_id, last_id, last_sender, last_type, last_value) FROM rooms ORDER BY key",
    "SELECT json_array(room, user, role, joined_at, joined, read) FROM members ORDER BY room, user",
    "SELECT json_array(room, seq, last_event, hex(record)) FROM message_state ORDER BY room, seq",
    "SELECT json_array(sender, client_id, position) FROM sends ORDER BY sender, client_id",
    "SELECT json_array(user, room, seq, author) FROM mentions ORDER BY user, room, seq",
    "SELECT json_array(room, seq, emoji, place, user, user_id) FROM reactions ORDER BY room, seq, emoji, place, user",
    "SELECT json_array(room, parent, reply) FROM replies ORDER BY room, parent, reply",
    "SELECT json_array(room, author, level, block, n) FROM counts ORDER BY room, author, level, block",
};

class TransferTest : public StoreFixture {
 protected:
  void Export(const std::string& from, const std::string& file) {
    std::ostringstream out;
    const auto exported = app::Export(At(from), File(file), out);
    ASSERT_TRUE(exported) << exported.error().message();
    EXPECT_THAT(out.str(), HasSubstr("exported "));
  }
  Status Import(const std::string& file, const std::string& into) {
    std::ostringstream out;
    return app::Import(At(into), File(file), out);
  }
  std::string Read(const std::string& file) {
    std::ifstream in(File(file), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const std::string& file, const std::string& text) { std::ofstream(File(file), std::ios::binary) << text; }
  static std::vector<std::string> Rows(const std::string& folder, const std::string& sql) {
    sqlite::Database database(folder + "/tidings.db", sqlite::Database::Mode::kReader);
    sqlite::Statement rows(database, sql);
    std::vector<std::string> all;
    for (auto row = rows.Query(); row.Next();) all.emplace_back(row.Text(0));
    return all;
  }
};

TEST_F(TransferTest, CarriesEverythingOver) {
  Live(11, 1'500);
  Export(data(), "export.jsonl");
  ASSERT_TRUE(Import("export.jsonl", File("other")));
  for (const char* table : kTables) {
    EXPECT_FALSE(Rows(data(), table).empty()) << table;
    EXPECT_EQ(Rows(data(), table), Rows(File("other"), table)) << table;
  }
  EXPECT_THAT(FindingsIn(File("other")), IsEmpty());
}

TEST_F(TransferTest, KeepsIds) {
  Live(12, 100);
  Export(data(), "export.jsonl");
  ASSERT_TRUE(Import("export.jsonl", File("other")));
  const auto ids = [](const std::string& folder) {
    auto store = LocalStore::Open(folder, Use::kChange);
    std::vector<Uuid> all;
    for (const auto& event : *(*store)->events().ReadAll(0, 10'000)) all.push_back(event.id);
    return all;
  };
  EXPECT_EQ(ids(data()), ids(File("other")));
  // And once more: what was imported is exported as it was.
  Export(File("other"), "again.jsonl");
  const auto without_header = [](const std::string& text) { return text.substr(text.find('\n')); };
  const std::string first = without_header(Read("export.jsonl"));
  const std::string second = without_header(Read("again.jsonl"));
  EXPECT_EQ(first.substr(0, first.rfind("{\"end\"")), second.substr(0, second.rfind("{\"end\"")));
}

TEST_F(TransferTest, GoesOnAfterAnImport) {
  Live(13, 300);
  Export(data(), "export.jsonl");
  ASSERT_TRUE(Import("export.jsonl", File("other")));
  {
    auto store = LocalStore::Open(File("other"), Use::kChange);
    ASSERT_TRUE(store);
    History history(**store, 14);
    history.Begin();
    history.Go(300);
  }
  EXPECT_THAT(FindingsIn(File("other")), IsEmpty());
}

TEST_F(TransferTest, WritesAFileThatOthersCannotRead) {
  Live(1, 20);
  Export(data(), "export.jsonl");
  struct stat found{};
  ASSERT_EQ(stat(File("export.jsonl").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(File("export.jsonl.part")));
}

TEST_F(TransferTest, WritesToTheStream) {
  Live(1, 20);
  Export(data(), "export.jsonl");
  std::ostringstream out;
  ASSERT_TRUE(app::Export(Here(), "-", out));
  EXPECT_EQ(std::ranges::count(out.str(), '\n'), std::ranges::count(Read("export.jsonl"), '\n'));
}

TEST_F(TransferTest, ReplacesAFileOnlyWhenToldTo) {
  Live(1, 20);
  std::ofstream(File("export.jsonl")) << "precious\n";
  std::ostringstream out;
  const Status refused = app::Export(Here(), File("export.jsonl"), out);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("is there already"));
  EXPECT_EQ(Read("export.jsonl"), "precious\n");
  ASSERT_TRUE(app::Export(Here(), File("export.jsonl"), out, true));
  EXPECT_GT(std::ranges::count(Read("export.jsonl"), '\n'), 20);
}

TEST_F(TransferTest, WritesIntoAPipeThatStays) {
  Live(1, 20);
  Export(data(), "export.jsonl");
  const std::string pipe = File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  auto read = std::async(std::launch::async, [&] { return Read("pipe"); });
  Export(data(), "pipe");
  const std::string taken = read.get();
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_EQ(std::ranges::count(taken, '\n'), std::ranges::count(Read("export.jsonl"), '\n'));
  EXPECT_FALSE(std::filesystem::exists(pipe + ".part"));
}

TEST_F(TransferTest, FollowsALinkThatStays) {
  Live(1, 20);
  std::filesystem::create_directory(File("elsewhere"));
  std::filesystem::create_symlink("elsewhere/export.jsonl", File("second"));
  std::filesystem::create_symlink(File("second"), File("first"));
  Export(data(), "first");  // to a file that is not there yet
  EXPECT_TRUE(std::filesystem::is_symlink(File("first")));
  EXPECT_TRUE(std::filesystem::is_symlink(File("second")));
  const std::string whole = Read("elsewhere/export.jsonl");
  EXPECT_GT(std::ranges::count(whole, '\n'), 20);

  Write("elsewhere/export.jsonl", "precious\n");
  std::ostringstream out;
  EXPECT_FALSE(app::Export(Here(), File("first"), out));
  EXPECT_EQ(Read("first"), "precious\n");
  ASSERT_TRUE(app::Export(Here(), File("first"), out, true));
  EXPECT_TRUE(std::filesystem::is_symlink(File("first")));
  EXPECT_EQ(std::ranges::count(Read("elsewhere/export.jsonl"), '\n'), std::ranges::count(whole, '\n'));
}

TEST_F(TransferTest, RefusesAStoreThatHasSomething) {
  Live(1, 20);
  Export(data(), "export.jsonl");
  const auto imported = Import("export.jsonl", data());
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().message(), HasSubstr("not empty"));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(TransferTest, FindsEveryTruncation) {
  Live(1, 10);
  Export(data(), "export.jsonl");
  const std::string whole = Read("export.jsonl");
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    Write("short.jsonl", whole.substr(0, size));
    ASSERT_FALSE(Import("short.jsonl", File("other"))) << size;
    ASSERT_FALSE(std::filesystem::exists(File("other"))) << "looked at before a store is made";
  }
  Write("short.jsonl", whole.substr(0, whole.size() - 1));
  EXPECT_FALSE(Import("short.jsonl", File("other")));
  Write("long.jsonl", whole + "x");
  EXPECT_FALSE(Import("long.jsonl", File("other")));
}

TEST_F(TransferTest, FindsDamage) {
  Live(1, 10);
  Export(data(), "export.jsonl");
  const std::string whole = Read("export.jsonl");
  for (std::size_t at = 0; at < whole.size(); at += 61) {
    std::string damaged = whole;
    damaged[at] = damaged[at] == 'x' ? 'y' : 'x';
    Write("damaged.jsonl", damaged);
    ASSERT_FALSE(Import("damaged.jsonl", File("other"))) << at;
  }
  // A line less.
  const std::size_t line = whole.find("{\"event\":");
  Write("damaged.jsonl", whole.substr(0, line) + whole.substr(whole.find('\n', line) + 1));
  EXPECT_FALSE(Import("damaged.jsonl", File("other")));
}

TEST_F(TransferTest, CopiesAStore) {
  Live(1, 200);
  std::ostringstream out;
  const auto copied = Backup(Here(), File("copy"), out);
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_THAT(FindingsIn(File("copy")), IsEmpty());
  EXPECT_EQ(Rows(data(), kTables[0]), Rows(File("copy"), kTables[0]));
  EXPECT_FALSE(Backup(Here(), File("copy"), out)) << "over a store";
  const auto nameless = Backup(Here(), "", out);
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().message(), "the folder of the copy has no name; name one that is not there yet");
}

}  // namespace
}  // namespace tidings::app
