// What is wrong with a store.
#pragma once

#include <string>
#include <vector>

#include "local_store.hpp"
#include "progress.hpp"

namespace tidings::app {

struct Examined {
  std::vector<std::string> findings;  // at most some 2,000
  std::uint64_t events = 0;
};

// Damage first; where there is none, rows that do not follow from the log, and what is beyond its bounds. The derived
// tables are made a second time in the store's own folder, in a file that is gone afterwards. An error: the store could
// not be read for another cause than damage.
Result<Examined> FindFaults(LocalStore& store, Progress& progress);

}  // namespace tidings::app
