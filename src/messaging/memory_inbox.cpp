#include <tidings/messaging/memory_inbox.hpp>

namespace tidings::messaging {

MemoryInbox::MemoryInbox() : records_(std::make_shared<Records>()) {}

Task<Result<std::unique_ptr<InboxUnit>>> MemoryInbox::Begin() { co_return std::make_unique<MemoryUnit>(records_); }

Task<Result<std::uint64_t>> MemoryInbox::Forget(Millis before) {
  co_return std::erase_if(records_->done, [&](const auto& record) { return record.second < before; });
}

std::size_t MemoryInbox::size() const { return records_->done.size(); }

MemoryUnit::~MemoryUnit() {
  for (const auto& [key, at] : own_) records_->open.erase(key);
}

Task<Result<Recorded>> MemoryUnit::Record(std::string message_id, std::string consumer, Millis now) {
  MemoryInbox::Key key(std::move(message_id), std::move(consumer));
  if (records_->done.contains(key)) co_return Recorded::kBefore;
  if (!records_->open.insert(key).second) {
    co_return Fail(ErrorCode::kConflict, "message " + key.first + " is being handled by " + key.second);
  }
  own_.emplace(std::move(key), now);
  co_return Recorded::kFirst;
}

Task<Status> MemoryUnit::Commit() {
  for (auto& [key, at] : own_) {
    records_->open.erase(key);
    records_->done.emplace(key, at);
  }
  own_.clear();
  for (const auto& effect : effects_) effect();
  effects_.clear();
  co_return Status();
}

}  // namespace tidings::messaging
