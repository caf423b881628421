// Data inside its lock: nothing touches it without holding the lock.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace tidings {

//   Guarded<std::vector<int>> numbers;
//   numbers.Lock()->push_back(4);
template <class T>
class Guarded {
 public:
  class Access {
   public:
    Access(T& data, std::mutex& mutex) : lock_(mutex), data_(data) {}
    T* operator->() { return &data_; }
    T& operator*() { return data_; }
    // For waiting on a condition variable.
    std::unique_lock<std::mutex>& lock() { return lock_; }

   private:
    std::unique_lock<std::mutex> lock_;
    T& data_;
  };

  Guarded() = default;
  template <class... Args>
  explicit Guarded(std::in_place_t, Args&&... args) : data_(std::forward<Args>(args)...) {}

  [[nodiscard]] Access Lock() { return Access(data_, mutex_); }

 private:
  std::mutex mutex_;
  T data_{};
};

}  // namespace tidings
