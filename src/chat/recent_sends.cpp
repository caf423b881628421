#include "recent_sends.hpp"

#include <algorithm>
#include <utility>

#include <tidings/chat/record.hpp>

namespace tidings::chat {

std::optional<Position> RecentSends::Find(eventing::Transaction& transaction, UserKey sender,
                                          std::string_view client_id) {
  Load(transaction);
  if (const auto found = waiting_.find(Key(sender, client_id)); found != waiting_.end()) return found->second;
  return table_.FindSend(sender, client_id);
}

void RecentSends::Put(UserKey sender, std::string_view client_id, Position position) {
  waiting_.emplace(Key(sender, client_id), position);
}

void RecentSends::Settle(eventing::Transaction& transaction) {
  Load(transaction);
  const Position head = transaction.Head();
  // What only read must stay so: it may be run while nothing can be written.
  if (head == seen_) return;
  seen_ = head;
  const bool none = waiting_.empty();
  std::size_t most = std::max(kMoved, waiting_.size() - std::min(waiting_.size(), kKept));
  if (head - mark_ > kMostPast) most = std::max(most, kKept / 8);
  Move(most);
  if (waiting_.empty()) {
    round_ = head;
    next_ = Key();
    if (!none || head - mark_ > kMostPast) Mark(head);
  } else if (waiting_.lower_bound(next_) == waiting_.end()) {
    Mark(round_);
    round_ = head;
    next_ = Key();
  }
}

void RecentSends::Forget() {
  waiting_.clear();
  loaded_ = false;
}

void RecentSends::Load(eventing::Transaction& transaction) {
  if (std::exchange(loaded_, true)) return;
  mark_ = table_.SendsMark();
  round_ = seen_ = transaction.Head();
  next_ = Key();
  for (Position position = mark_ + 1; position <= round_; ++position) {
    const auto event = transaction.ReadAt(position);
    if (!event || event->type != event_type::kMessageCreated) continue;
    const auto message = MessageOf(*event);
    if (!message) {
      loaded_ = false;
      throw eventing::StoreFailure(Error(ErrorCode::kInternal, "event " + event->id.Text() + " (position " +
                                                                   std::to_string(position) +
                                                                   "): its data cannot be read; run verify"));
    }
    if (message->client_id.empty() || table_.FindSend(event->author, message->client_id)) continue;
    Put(event->author, message->client_id, position);
  }
}

void RecentSends::Move(std::size_t most) {
  auto at = waiting_.lower_bound(next_);
  for (; most > 0 && at != waiting_.end(); --most) {
    table_.PutSend(at->first.first, at->first.second, at->second);
    at = waiting_.erase(at);
  }
  if (at != waiting_.end()) {
    next_ = at->first;
  } else if (!waiting_.empty()) {
    next_ = Key(~UserKey{0}, std::string());  // past all
  }
}

void RecentSends::Mark(Position position) {
  if (position == mark_) return;
  mark_ = position;
  table_.PutSendsMark(position);
}

}  // namespace tidings::chat
