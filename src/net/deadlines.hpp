// Deadlines of thousands of connections at the cost of two pointers each: one list for each length of waiting, in the
// order of their deadlines, since all in it wait equally long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tidings/base/clock.hpp>

namespace tidings::net {

// What a connection waits for.
enum class Wait : std::uint8_t { kNothing, kRequest, kIdle, kStall, kClose };
inline constexpr std::size_t kWaits = 5;

class DeadlineNode {
 protected:
  DeadlineNode() = default;
  ~DeadlineNode() = default;
  DeadlineNode(const DeadlineNode&) = delete;
  DeadlineNode& operator=(const DeadlineNode&) = delete;

 private:
  friend class Deadlines;
  DeadlineNode* next_ = nullptr;
  DeadlineNode* previous_ = nullptr;
  Millis due_ = 0;
};

// Single-threaded. A node is in at most one list.
class Deadlines {
 public:
  Deadlines() {
    for (Head& head : heads_) head.next_ = head.previous_ = &head;
  }

  // How long a wait is; 0 is for ever. REQUIRES: set before the first Put.
  void SetLength(Wait wait, Millis length) { lengths_[Index(wait)] = length; }

  // Puts the node into the list, at its end; takes it out of another first.
  void Put(DeadlineNode& node, Wait wait, Millis now) {
    Remove(node);
    Head& head = heads_[Index(wait)];
    node.due_ = now + lengths_[Index(wait)];
    node.previous_ = head.previous_;
    node.next_ = &head;
    head.previous_->next_ = &node;
    head.previous_ = &node;
  }

  void Remove(DeadlineNode& node) {
    if (node.next_ == nullptr) return;
    node.next_->previous_ = node.previous_;
    node.previous_->next_ = node.next_;
    node.next_ = node.previous_ = nullptr;
  }

  // The first node of the list whose time has come, or null.
  DeadlineNode* Due(Wait wait, Millis now) {
    Head& head = heads_[Index(wait)];
    if (lengths_[Index(wait)] == 0 || head.next_ == &head || head.next_->due_ > now) return nullptr;
    return head.next_;
  }

  // Every node of the list, the first to be due first.
  std::vector<DeadlineNode*> In(Wait wait) {
    std::vector<DeadlineNode*> in;
    Collect(heads_[Index(wait)], in);
    return in;
  }

  // Every node of every list.
  std::vector<DeadlineNode*> All() {
    std::vector<DeadlineNode*> all;
    for (Head& head : heads_) Collect(head, all);
    return all;
  }

 private:
  class Head : public DeadlineNode {};
  static void Collect(Head& head, std::vector<DeadlineNode*>& nodes) {
    for (DeadlineNode* node = head.next_; node != &head; node = node->next_) nodes.push_back(node);
  }
  static std::size_t Index(Wait wait) { return static_cast<std::size_t>(wait); }

  std::array<Head, kWaits> heads_;
  std::array<Millis, kWaits> lengths_{};
};

}  // namespace tidings::net
