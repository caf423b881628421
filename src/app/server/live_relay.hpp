// LiveRelay: brings each commit to the loop.
#pragma once

#include <memory>

#include <tidings/chat/live.hpp>
#include <tidings/net/event_loop.hpp>

namespace tidings::app {

// Publish is called on the writer's thread.
class LiveRelay final : public chat::LiveSink {
 public:
  LiveRelay(net::EventLoop& loop, std::move_only_function<void(const chat::LiveBatch&)> deliver)
      : loop_(loop), deliver_(std::move(deliver)) {}

  void Publish(std::shared_ptr<const chat::LiveBatch> batch) override {
    loop_.Post([this, batch = std::move(batch)] { deliver_(*batch); });
  }

 private:
  net::EventLoop& loop_;
  std::move_only_function<void(const chat::LiveBatch&)> deliver_;
};

}  // namespace tidings::app
