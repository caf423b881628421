#include "nearest.hpp"

#include <algorithm>
#include <vector>

namespace tidings::app {

namespace {

// The optimal string alignment distance.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

Nearest FindNearest(std::string_view name, std::span<const std::string> names) {
  name = name.substr(0, 200);
  Nearest best{names[0], Distance(name, names[0])};
  for (const std::string& candidate : names.subspan(1)) {
    if (const std::size_t distance = Distance(name, candidate); distance < best.distance) best = {candidate, distance};
  }
  return best;
}

}  // namespace tidings::app
