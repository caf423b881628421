// What sockets missed: the events of several rooms, merged in the order of commits.
#pragma once

#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/storage/sqlite/event_rows.hpp>

namespace tidings::sqlite {

class Replay {
 public:
  explicit Replay(Database& database);

  std::vector<eventing::StoredEvent> Missed(const std::vector<chat::ReplayPlace>& places, chat::Position upto,
                                            std::size_t bytes);

 private:
  // One room's way through the log: where its next events lie. Filled from the index of streams alone.
  struct Lane {
    chat::RoomKey room = 0;
    chat::Seq next = 0;                     // version of the event at positions[taken]
    std::vector<chat::Position> positions;  // of the events from there on
    std::size_t taken = 0;
    std::size_t ask = 8;                    // how many to look up next
    chat::Position Front() const { return positions[taken]; }
    bool Empty() const { return taken == positions.size(); }
  };
  void Fill(Lane& lane, chat::Position upto);

  EventRows& events_;
  Statement positions_;
};

}  // namespace tidings::sqlite
