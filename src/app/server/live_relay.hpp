// LiveRelay: brings each commit to the loop, with its answers in the same piece.
#pragma once

#include <memory>

#include <tidings/chat/live.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/net/event_loop.hpp>

namespace tidings::app {

// Writer's thread. REQUIRES: it listens to commits before those who publish.
class LiveRelay final : public chat::LiveSink, public eventing::CommitListener {
 public:
  LiveRelay(net::EventLoop& loop, std::move_only_function<void(const chat::LiveBatch&)> deliver)
      : loop_(loop), deliver_(std::move(deliver)) {}

  void Publish(std::shared_ptr<const chat::LiveBatch> batch) override {
    loop_.Post([this, batch = std::move(batch)] { deliver_(*batch); });
  }
  void AfterCommit(bool) override { loop_.HoldPosts(); }
  void AfterAnswers() override { loop_.ReleasePosts(); }

 private:
  net::EventLoop& loop_;
  std::move_only_function<void(const chat::LiveBatch&)> deliver_;
};

}  // namespace tidings::app
