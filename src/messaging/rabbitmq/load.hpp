// Load: how many messages a transport has under way, over all its connections: unconfirmed, waiting for a handler, in hand.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "gathered_reads.hpp"

namespace tidings::messaging::rabbitmq {

class Load {
 public:
  // The part of one that counts its own; given back with it.
  class Share {
   public:
    explicit Share(std::shared_ptr<Load> load) : load_(std::move(load)) {}
    ~Share() { Set(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    void Set(std::size_t count) {
      load_->under_way_ += count - count_;
      count_ = count;
    }
    void Add() { Set(count_ + 1); }
    void Remove() { Set(count_ - 1); }
    std::size_t count() const { return count_; }

   private:
    std::shared_ptr<Load> load_;
    std::size_t count_ = 0;
  };

  explicit Load(std::chrono::microseconds most_pause) : most_pause_(most_pause) {}
  // Before the next read of a connection.
  std::chrono::microseconds Pause() const { return PauseFor(under_way_, most_pause_); }

 private:
  std::chrono::microseconds most_pause_;
  std::size_t under_way_ = 0;
};

}  // namespace tidings::messaging::rabbitmq
