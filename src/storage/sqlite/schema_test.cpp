// Tables of other layers in the store, their versions, and stores that this program does not know.
#include <gtest/gtest.h>

#include "testing/open_store.hpp"

namespace tidings::sqlite::testing {
namespace {

const std::string kFirst = "CREATE TABLE extra (a); INSERT INTO extra VALUES (1)";
const std::string kSecond = "UPDATE extra SET a = a + 10; CREATE TABLE more (b)";

SqliteEventStore::Options With(const TempFolder& folder, std::vector<std::string> steps) {
  auto options = In(folder);
  options.parts.emplace_back("extra", std::move(steps));
  return options;
}

std::int64_t Ask(SqliteEventStore& store, const std::string& sql) {
  std::int64_t answer = 0;
  store.readers().ReadNow([&](Database& database) { answer = database.Number(sql); });
  return answer;
}

TEST(Schema, RunsEachStepOnce) {
  const TempFolder folder;
  for (int i = 0; i < 2; ++i) {
    const auto store = Opened(With(folder, {kFirst}));
    ASSERT_TRUE(store);
    EXPECT_EQ(Ask(*store, "SELECT sum(a) FROM extra"), 1);
  }
  for (int i = 0; i < 2; ++i) {
    const auto store = Opened(With(folder, {kFirst, kSecond}));
    ASSERT_TRUE(store);
    EXPECT_EQ(Ask(*store, "SELECT sum(a) FROM extra"), 11);
    EXPECT_EQ(Ask(*store, "SELECT count(*) FROM more"), 0);
  }
}

TEST(Schema, APartMayComeToAStoreThatHasEvents) {
  const TempFolder folder;
  {
    const auto store = Started(In(folder));
    ASSERT_TRUE(Append(*store, "room", "1"));
  }
  const auto store = Opened(With(folder, {kFirst}));
  ASSERT_TRUE(store);
  EXPECT_EQ(store->ReadAll(0, 9)->size(), 1U);
  EXPECT_EQ(Ask(*store, "SELECT count(*) FROM extra"), 1);
}

TEST(Schema, AStepThatFailsChangesNothing) {
  const TempFolder folder;
  Opened(With(folder, {kFirst})).reset();
  EXPECT_NE(Refusal(With(folder, {kFirst, kSecond, "INSERT INTO nothing VALUES (1)"})), "");
  const auto store = Opened(With(folder, {kFirst}));
  ASSERT_TRUE(store);
  EXPECT_EQ(Ask(*store, "SELECT sum(a) FROM extra"), 1);
}

TEST(Schema, ANewerStoreIsRefusedUntouched) {
  const TempFolder folder;
  Opened(With(folder, {kFirst, kSecond})).reset();
  const auto before = Files(folder.File("store"));
  const std::string message = Refusal(With(folder, {kFirst}));
  EXPECT_NE(message.find("newer version of tidings"), std::string::npos) << message;
  EXPECT_NE(message.find("nothing was changed"), std::string::npos) << message;
  EXPECT_NE(Refusal(In(folder)), "");
  EXPECT_EQ(Files(folder.File("store")), before);
}

TEST(Schema, AnOlderStoreIsRefusedUntouchedWhereItIsNotToBeChanged) {
  const TempFolder folder;
  Opened(With(folder, {kFirst})).reset();
  auto as_it_is = With(folder, {kFirst, kSecond});
  as_it_is.migrate = false;
  const auto before = Files(folder.File("store"));
  EXPECT_NE(Refusal(as_it_is).find("start the server once"), std::string::npos) << Refusal(as_it_is);
  EXPECT_EQ(Files(folder.File("store")), before);

  Opened(With(folder, {kFirst, kSecond})).reset();
  EXPECT_EQ(Refusal(as_it_is), "");
}

TEST(Schema, WhatIsNoStoreYetIsNotMadeOneWhereItIsNotToBeChanged) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.File("store"));
  Save(folder.File("store/tidings.db"), "");
  auto as_it_is = In(folder);
  as_it_is.migrate = false;
  EXPECT_NE(Refusal(as_it_is).find("no store yet"), std::string::npos) << Refusal(as_it_is);
  EXPECT_EQ(Load(folder.File("store/tidings.db")), "");
}

TEST(Schema, ANewerStoreWhoseVersionIsOnlyInItsLogIsRefusedUntouched) {
  const TempFolder folder;
  Opened(In(folder)).reset();
  const std::string file = folder.File("store/tidings.db");
  Database writer(file, Database::Mode::kWriter);
  writer.Execute("PRAGMA user_version=999999");
  // As the newer server left it when it was killed.
  const TempFolder copied;
  std::filesystem::create_directory(copied.File("store"));
  for (const char* name : {"/tidings.db", "/tidings.db-wal"}) {
    std::filesystem::copy_file(folder.File("store") + name, copied.File("store") + name);
  }
  const auto before = Files(copied.File("store"));
  ASSERT_EQ(before.size(), 2U);
  EXPECT_NE(Refusal(In(copied)).find("newer version"), std::string::npos) << Refusal(In(copied));
  EXPECT_EQ(Files(copied.File("store")), before);
}

TEST(Schema, ADatabaseOfAnotherProgramIsRefusedUntouched) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.File("store"));
  {
    Database other(folder.File("store/tidings.db"), Database::Mode::kWriter);
    other.Execute("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
  }
  const auto before = Files(folder.File("store"));
  EXPECT_NE(Refusal(In(folder)).find("another program"), std::string::npos) << Refusal(In(folder));
  EXPECT_EQ(Files(folder.File("store")), before);
}

TEST(Schema, AStoreKeepsItsId) {
  const TempFolder folder;
  const Uuid id = Opened(In(folder))->id();
  EXPECT_EQ(Opened(In(folder))->id(), id);
  const TempFolder other;
  EXPECT_NE(Opened(In(other))->id(), id);
}

}  // namespace
}  // namespace tidings::sqlite::testing
