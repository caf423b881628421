// KeyLanes: of the messages of one key one is under way, and the others wait behind it in their order.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

namespace tidings::messaging {

// The empty key has no order. Who bounds the number of messages in hand bounds this.
template <class Work>
class KeyLanes {
 public:
  // The work if it may begin now; else it is kept, and null is returned.
  Work Enter(const std::string& key, Work work) {
    if (key.empty()) return work;
    const auto [lane, free] = lanes_.try_emplace(key);
    if (free) return work;
    lane->second.push_back(std::move(work));
    ++waiting_;
    return Work();
  }
  // The one under way is over: the next of its key, which is under way now; null if there is none.
  Work Leave(const std::string& key) {
    const auto lane = lanes_.find(key);
    if (lane == lanes_.end()) return Work();
    if (lane->second.empty()) {
      lanes_.erase(lane);
      return Work();
    }
    Work next = std::move(lane->second.front());
    lane->second.pop_front();
    --waiting_;
    return next;
  }
  // Takes out all who wait.
  std::deque<Work> Clear() {
    std::deque<Work> all;
    for (auto& [key, lane] : lanes_) {
      for (Work& work : lane) all.push_back(std::move(work));
    }
    lanes_.clear();
    waiting_ = 0;
    return all;
  }
  std::size_t waiting() const { return waiting_; }

 private:
  std::unordered_map<std::string, std::deque<Work>> lanes_;
  std::size_t waiting_ = 0;
};

}  // namespace tidings::messaging
