#include <set>

#include <boost/asio/this_coro.hpp>

#include "file_streams.hpp"

namespace tidings::messaging::embedded {
namespace {

class FileSubscription final : public Subscription {
 public:
  FileSubscription(std::shared_ptr<Core> core, SubscriptionId id, std::shared_ptr<NoticeBox> box)
      : core_(std::move(core)), id_(id), box_(std::move(box)) {}
  ~FileSubscription() override { End(); }

  Task<Result<Notice>> Next() override {
    const auto box = box_;
    const Executor working = core_->Working();
    while (box->notices.empty()) {
      const auto state = co_await boost::asio::this_coro::cancellation_state;
      if (box->ended || state.cancelled() != boost::asio::cancellation_type::none) {
        co_return Fail(ErrorCode::kUnavailable, "the subscription was stopped, or the transport closed");
      }
      co_await box->arrived.Wait();
    }
    Notice notice = std::move(box->notices.front());
    box->notices.pop_front();
    co_return notice;
  }

  Task<void> Stop() override {
    End();
    co_return;
  }

 private:
  void End() {
    if (box_->ended) return;
    core_->ShutBox(id_);
    box_->notices.clear();
    core_->Send([id = id_](Desk& desk) -> Status {
      desk.notices().Unsubscribe(id);
      return {};
    });
  }

  std::shared_ptr<Core> core_;
  SubscriptionId id_;
  std::shared_ptr<NoticeBox> box_;
};

}  // namespace

Task<Result<std::size_t>> FilePubSub::Publish(std::string topic, Message message) {
  if (auto valid = CheckName(topic); !valid) co_return std::unexpected(valid.error());
  if (auto valid = Check(message); !valid) co_return std::unexpected(valid.error());
  co_return co_await core_->Call<std::size_t>(
      false, [topic = std::move(topic), message = std::move(message)](Desk& desk) -> Result<std::size_t> {
        const std::size_t reached = desk.notices().Publish(topic, message);
        if (reached == 0) desk.Lose(LossCause::kUnrouted, topic);
        return reached;
      });
}

Task<Result<std::unique_ptr<Subscription>>> FilePubSub::Subscribe(std::vector<std::string> topics) {
  if (topics.empty()) co_return Fail(ErrorCode::kInvalid, "a subscription names at least one topic");
  for (const std::string& topic : topics) {
    if (auto valid = CheckName(topic); !valid) co_return std::unexpected(valid.error());
  }
  const auto core = core_;
  const SubscriptionId id = core->NewSubscription();
  auto box = core->OpenBox(id);
  const std::set<std::string> wanted(topics.begin(), topics.end());
  auto subscribed = co_await core->Call<void>(false, [=](Desk& desk) -> Status {
    desk.notices().Subscribe(id, wanted);
    return {};
  });
  if (!subscribed) {
    core->ShutBox(id);
    co_return std::unexpected(subscribed.error());
  }
  co_return std::make_unique<FileSubscription>(core, id, std::move(box));
}

}  // namespace tidings::messaging::embedded
