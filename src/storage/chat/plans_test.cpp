#include <gtest/gtest.h>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

// Every statement that was prepared, with its plan in one line.
std::vector<std::pair<std::string, std::string>> Plans(Database& database) {
  std::vector<std::string> texts;
  Statement all(database, "SELECT sql FROM sqlite_stmt");
  for (Rows rows = all.Query(); rows.Next();) texts.emplace_back(rows.Text(0));
  std::vector<std::pair<std::string, std::string>> plans;
  for (const std::string& text : texts) {
    if (text.find("sqlite_stmt") != std::string::npos || text.find("event_types") == 7) continue;
    std::string plan;
    Statement explain(database, "EXPLAIN QUERY PLAN " + text);
    for (Rows rows = explain.Query(); rows.Next();) plan += std::string(rows.Text(3)) + "; ";
    plans.emplace_back(text, plan);
  }
  return plans;
}

bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// Whatever is asked of a big room is answered over an index.
TEST(Plans, NoStatementWalksAWholeTable) {
  Scene scene;
  const chat::RoomRow room = scene.Room("room");
  for (int i = 0; i < 50'000; ++i) scene.Say("room", 1);
  scene.tables();
  scene.reader();
  scene.reader().Messages(room, {});  // the last statements are prepared when first needed
  std::size_t seen = 0;
  for (const auto& [text, plan] : Plans(scene.database())) {
    SCOPED_TRACE(text + " -> " + plan);
    // Texts of the store itself, by the number of few rows or by the newest row.
    if (Has(text, "event_types") && !Has(text, "stream = ")) continue;
    if (Has(plan, "SCAN events")) {
      EXPECT_TRUE(Has(text, "ORDER BY position DESC LIMIT 1"));
      continue;
    }
    EXPECT_FALSE(Has(plan, "SCAN "));
    ++seen;
  }
  EXPECT_GT(seen, 60U);
}

// Sorting is for lists that are small, or that no index can order.
TEST(Plans, PagesAreReadInTheOrderOfTheirIndex) {
  Scene scene;
  scene.tables();
  scene.reader();
  scene.reader().Messages(scene.Room("room"), {});
  for (const auto& [text, plan] : Plans(scene.database())) {
    if (!Has(plan, "USE TEMP B-TREE")) continue;
    EXPECT_TRUE(Has(text, "FROM members CROSS JOIN rooms") || Has(text, "COLLATE NOCASE")) << text << " -> " << plan;
  }
}

}  // namespace
}  // namespace tidings::sqlite
