// Where streams stand, for the writer: a bounded cache that forgets what was not asked for lately.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <tidings/eventing/event_store.hpp>

namespace tidings::sqlite {

// Two generations: when the young one is full it becomes the old one, and the old one is dropped. What is found in the
// old one becomes young again.
template <class Key, class Value, class Hash = std::hash<Key>>
class TwoGenerations {
 public:
  explicit TwoGenerations(std::size_t each) : each_(each) {}

  template <class Like>
  Value* Find(const Like& key) {
    if (const auto found = young_.find(key); found != young_.end()) return &found->second;
    const auto found = old_.find(key);
    if (found == old_.end()) return nullptr;
    Value value = std::move(found->second);
    Key kept = found->first;
    old_.erase(found);
    return Put(std::move(kept), std::move(value));
  }

  // REQUIRES: the key is not there.
  Value* Put(Key key, Value value) {
    if (young_.size() >= each_) {
      old_ = std::move(young_);
      young_.clear();
    }
    return &young_.insert_or_assign(std::move(key), std::move(value)).first->second;
  }

  void Clear() {
    young_.clear();
    old_.clear();
  }

 private:
  const std::size_t each_;
  std::unordered_map<Key, Value, Hash, std::equal_to<>> young_;
  std::unordered_map<Key, Value, Hash, std::equal_to<>> old_;
};

class TextHash {
 public:
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

class HeadCache {
 public:
  TwoGenerations<std::string, eventing::StreamKey, TextHash> keys{50'000};
  TwoGenerations<eventing::StreamKey, eventing::Version> heads{50'000};
};

}  // namespace tidings::sqlite
