// The thread on which passwords are hashed and compared.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>

#include <tidings/base/guarded.hpp>
#include <tidings/net/chat/http_api.hpp>

namespace tidings::net {

class HttpApi::PasswordThread {
 public:
  PasswordThread() : thread_([this] { Run(); }) {}
  ~PasswordThread() {
    work_.Lock()->stop = true;
    wake_.notify_all();
    thread_.join();
  }

  // False if too many wait already. Any thread.
  bool Submit(std::move_only_function<void()> work) {
    constexpr std::size_t kMostWaiting = 64;
    auto queue = work_.Lock();
    if (queue->waiting.size() >= kMostWaiting) return false;
    queue->waiting.push_back(std::move(work));
    wake_.notify_one();
    return true;
  }

 private:
  struct Work {
    std::deque<std::move_only_function<void()>> waiting;
    bool stop = false;
  };

  void Run() {
    while (true) {
      std::move_only_function<void()> next;
      {
        auto queue = work_.Lock();
        wake_.wait(queue.lock(), [&] { return queue->stop || !queue->waiting.empty(); });
        if (queue->stop) return;
        next = std::move(queue->waiting.front());
        queue->waiting.pop_front();
      }
      next();
    }
  }

  Guarded<Work> work_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace tidings::net
