// A store's past: random commands of several users in several rooms, all through the engine.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "../local_store.hpp"

namespace tidings::app {

class History {
 public:
  // The same seed makes the same commands; ids and times differ.
  History(LocalStore& store, std::uint32_t seed);

  // Users, rooms of each kind, and some members.
  void Begin();
  // Random commands: sends (with and without clientMessageId), replies, mentions, images, edits, deletes, reactions,
  // read positions, leaving and coming back, renaming, a direct room deleted and made again.
  void Go(int commands);

  const std::vector<std::string>& rooms() const { return rooms_; }

 private:
  std::size_t Below(std::size_t end) { return random_() % end; }
  template <class List>
  const auto& OneOf(const List& list) {
    return list[Below(list.size())];
  }
  const chat::Caller& Someone() { return OneOf(people_); }
  void Create(const std::string& id, chat::RoomKind kind, std::size_t members);
  void Send(const std::string& room);
  void Other(const std::string& room);

  LocalStore& store_;
  std::mt19937 random_;
  std::vector<chat::Caller> people_;
  std::vector<std::string> rooms_;
  std::map<std::string, std::vector<std::string>> messages_;
  int sent_ = 0;
};

}  // namespace tidings::app
