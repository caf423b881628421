#include "push/push_parts.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace tidings::app {

PushCut CutPush(const std::vector<PushPart>& known, const std::vector<std::string>& away, std::size_t most) {
  PushCut cut;
  std::unordered_set<std::string_view> left(away.begin(), away.end());
  std::uint64_t next = 0;
  for (const PushPart& part : known) {
    next = std::max(next, part.part + 1);
    PushPart request;
    request.part = part.part;
    for (const std::string& user : part.users) {
      if (left.erase(user) == 1 && !part.told) request.users.push_back(user);
    }
    if (!request.users.empty()) cut.requests.push_back(std::move(request));
  }
  for (const std::string& user : away) {
    if (left.erase(user) == 0) continue;
    if (cut.fresh.empty() || cut.fresh.back().users.size() >= most) cut.fresh.emplace_back().part = next++;
    cut.fresh.back().users.push_back(user);
  }
  cut.requests.insert(cut.requests.end(), cut.fresh.begin(), cut.fresh.end());
  return cut;
}

}  // namespace tidings::app
