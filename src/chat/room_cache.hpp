// The writer's picture of the rooms in use: rows and members, written back once a commit.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <tidings/chat/live.hpp>
#include <tidings/chat/tables.hpp>

namespace tidings::chat {

// Writer's thread only.
class RoomState {
 public:
  RoomRow row;
  std::shared_ptr<const std::string> id;
  std::unordered_map<UserKey, MemberRow> members;

  const MemberRow* FindMember(UserKey user) const {
    const auto found = members.find(user);
    return found == members.end() ? nullptr : &found->second;
  }
  bool alive() const { return row.deleted_at == 0; }
  // The members as a shared list; made anew after the membership changed.
  std::shared_ptr<const RoomPeople> People();
  void ForgetPeople() { people_.reset(); }

 private:
  std::shared_ptr<const RoomPeople> people_;
};

class RoomCache {
 public:
  // Rooms with together more members than this are dropped, longest unused first.
  explicit RoomCache(Tables& tables, std::size_t most_members = 2'000'000)
      : tables_(tables), most_members_(most_members) {}

  // Null if there is no such room. A pointer is good until the end of the unit.
  RoomState* Find(std::string_view id);
  RoomState* Find(RoomKey key);
  RoomState& Create(const RoomRow& row);
  // The row will be written with the commit.
  void Touch(RoomState& room) { dirty_.insert(room.row.key); }
  // The member's read position will be written with the commit.
  void TouchRead(RoomState& room, UserKey user) { reads_[room.row.key].insert(user); }

  // Writes what was touched.
  void Flush();
  // After a commit: lets go of rooms beyond the bound. After a rollback: forgets everything.
  void Trim();
  void Clear();

 private:
  struct Entry {
    RoomState state;
    std::list<RoomKey>::iterator used;
    std::size_t weight = 0;
  };
  RoomState* Use(Entry& entry);
  Entry& Insert(RoomRow row, const std::vector<MemberRow>& members);

  Tables& tables_;
  std::size_t most_members_;
  std::size_t weight_ = 0;
  std::unordered_map<RoomKey, Entry> rooms_;
  std::unordered_map<std::string, RoomKey> keys_;
  std::list<RoomKey> order_;  // most recently used first
  std::unordered_set<RoomKey> dirty_;
  std::unordered_map<RoomKey, std::unordered_set<UserKey>> reads_;
};

}  // namespace tidings::chat
