#include <tidings/messaging/memory_inbox.hpp>

namespace tidings::messaging {

MemoryInbox::MemoryInbox() : records_(std::make_shared<Records>()) {}

Task<Result<std::unique_ptr<InboxUnit>>> MemoryInbox::Begin() { co_return std::make_unique<MemoryUnit>(records_); }

Task<Result<std::uint64_t>> MemoryInbox::Forget(Millis before) {
  const std::size_t places = std::erase_if(records_->places, [&](const auto& of) { return of.second.at < before; });
  co_return places + std::erase_if(records_->done, [&](const auto& record) { return record.second < before; });
}

Task<Result<std::optional<std::uint64_t>>> MemoryInbox::Position(std::string consumer, std::string sequence) {
  const auto found = records_->places.find(Key(std::move(sequence), std::move(consumer)));
  if (found == records_->places.end()) co_return std::nullopt;
  co_return found->second.number;
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

void MemoryUnit::Advance(std::string consumer, std::string sequence, std::uint64_t number, Millis now) {
  MemoryInbox::Place place;
  place.number = number;
  place.at = now;
  places_[MemoryInbox::Key(std::move(sequence), std::move(consumer))].Raise(place);
}

Task<Status> MemoryUnit::Commit() {
  for (auto& [key, at] : own_) {
    records_->open.erase(key);
    records_->done.emplace(key, at);
  }
  own_.clear();
  for (const auto& [key, place] : places_) records_->places[key].Raise(place);
  places_.clear();
  for (const auto& effect : effects_) effect();
  effects_.clear();
  co_return Status();
}

}  // namespace tidings::messaging
