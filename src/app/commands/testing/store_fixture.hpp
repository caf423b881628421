// A folder with a store that has a past, closed while a test does not look at it.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include <tidings/app/commands.hpp>
#include <tidings/base/sqlite/database.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../faults.hpp"
#include "history.hpp"

namespace tidings::app {

class StoreFixture : public testing::Test {
 protected:
  Config At(const std::string& folder) const {
    Config config;
    config.data = folder;
    return config;
  }
  Config Here() const { return At(data()); }
  std::string data() const { return folder_.File("data"); }
  std::string File(const std::string& name) const { return folder_.File(name); }

  void Live(std::uint32_t seed, int commands) {
    auto store = LocalStore::Open(data(), Use::kMake);
    ASSERT_TRUE(store) << store.error().message();
    History history(**store, seed);
    history.Begin();
    history.Go(commands);
  }

  static std::vector<std::string> FindingsIn(const std::string& folder) {
    auto store = LocalStore::Open(folder, Use::kRead);
    if (!store) return {store.error().message()};
    Progress progress;
    const auto examined = FindFaults(**store, progress);
    return examined ? examined->findings : std::vector{examined.error().message()};
  }
  std::vector<std::string> Findings() const { return FindingsIn(data()); }

  // Changes the closed store by hand. False if that changed nothing.
  static bool Spoil(const std::string& folder, const std::string& sql) {
    sqlite::Database database(folder + "/tidings.db", sqlite::Database::Mode::kWriter);
    database.Execute(sql);
    return database.Changes() > 0;
  }

  TempFolder folder_;
};

}  // namespace tidings::app
