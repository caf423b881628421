// AtEnd: runs an action at the end of its scope, that of a cancelled coroutine too.
#pragma once

#include <utility>

namespace tidings::messaging::rabbitmq {

template <typename Action>
class AtEnd {
 public:
  explicit AtEnd(Action action) : action_(std::move(action)) {}
  ~AtEnd() { action_(); }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

 private:
  Action action_;
};

}  // namespace tidings::messaging::rabbitmq
