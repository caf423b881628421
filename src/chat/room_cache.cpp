#include "room_cache.hpp"

#include <algorithm>

namespace tidings::chat {

std::shared_ptr<const RoomPeople> RoomState::People() {
  if (!people_) {
    auto list = std::make_shared<RoomPeople>();
    list->reserve(members.size());
    for (const auto& [user, member] : members) list->push_back(user);
    std::sort(list->begin(), list->end());
    people_ = std::move(list);
  }
  return people_;
}

RoomState* RoomCache::Use(Entry& entry) {
  order_.splice(order_.begin(), order_, entry.used);
  return &entry.state;
}

RoomCache::Entry& RoomCache::Insert(RoomRow row, const std::vector<MemberRow>& members) {
  const RoomKey key = row.key;
  Entry& entry = rooms_[key];
  entry.state.id = std::make_shared<const std::string>(row.id);
  entry.state.row = std::move(row);
  for (const MemberRow& member : members) entry.state.members.emplace(member.user, member);
  entry.weight = members.size() + 4;
  weight_ += entry.weight;
  order_.push_front(key);
  entry.used = order_.begin();
  keys_[entry.state.row.id] = key;
  return entry;
}

RoomState* RoomCache::Find(std::string_view id) {
  if (const auto known = keys_.find(std::string(id)); known != keys_.end()) return Find(known->second);
  auto row = tables_.FindRoom(id);
  if (!row) return nullptr;
  const auto members = tables_.Members(row->key);
  return &Insert(std::move(*row), members).state;
}

RoomState* RoomCache::Find(RoomKey key) {
  if (const auto known = rooms_.find(key); known != rooms_.end()) return Use(known->second);
  auto row = tables_.FindRoom(key);
  if (!row) return nullptr;
  const auto members = tables_.Members(key);
  return &Insert(std::move(*row), members).state;
}

RoomState& RoomCache::Create(const RoomRow& row) { return Insert(row, {}).state; }

void RoomCache::Flush() {
  for (const RoomKey key : dirty_) tables_.PutRoom(rooms_.at(key).state.row);
  dirty_.clear();
  for (const auto& [key, users] : reads_) {
    const RoomState& room = rooms_.at(key).state;
    for (const UserKey user : users) {
      if (const MemberRow* member = room.FindMember(user)) tables_.SetRead(key, user, member->read);
    }
  }
  reads_.clear();
}

void RoomCache::Trim() {
  while (weight_ > most_members_ && order_.size() > 1) {
    const auto last = rooms_.find(order_.back());
    weight_ -= last->second.weight;
    keys_.erase(last->second.state.row.id);
    order_.pop_back();
    rooms_.erase(last);
  }
}

void RoomCache::Clear() {
  rooms_.clear();
  keys_.clear();
  order_.clear();
  dirty_.clear();
  reads_.clear();
  weight_ = 0;
}

}  // namespace tidings::chat
