// What a commit means for those who are connected.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tidings/chat/types.hpp>

namespace tidings::chat {

// The members of a room at one moment, ascending; shared until the membership changes.
using RoomPeople = std::vector<UserKey>;

// One event of the log.
struct LiveEvent {
  Position position = 0;
  RoomKey room = 0;
  std::shared_ptr<const std::string> room_id;
  Seq seq = 0;
  UserKey author = 0;
  bool message = false;                      // message.*: moves previews and unread
  std::string arguments;                     // "NAME",{…}: of the Socket.IO event
  std::shared_ptr<const RoomPeople> people;  // after the event; of a deleted room: before it
  std::vector<UserKey> concerned;            // users whose membership it changed: told wherever they are
  std::vector<UserKey> left;                 // of these: no longer members
  bool redacts = false;                      // a message was deleted: what it said is gone from the log
  bool room_public = false;
  bool room_deleted = false;
};

// A read position that moved.
struct LiveRead {
  RoomKey room = 0;
  std::shared_ptr<const std::string> room_id;
  UserKey user = 0;
  std::string user_id;
  Seq seq = 0;
  std::shared_ptr<const RoomPeople> people;
  std::uint64_t origin = 0;  // of Engine::Read
};

// All of one commit, in order.
struct LiveBatch {
  std::vector<LiveEvent> events;
  std::vector<LiveRead> reads;
  std::vector<UserKey> suspended;  // whose rights ended
  Position head = 0;               // of the log, after the commit
};

// Told of each commit once it is durable, in order, before the answers of that commit. Writer's thread; must not block.
class LiveSink {
 public:
  virtual ~LiveSink() = default;
  virtual void Publish(std::shared_ptr<const LiveBatch> batch) = 0;
};

}  // namespace tidings::chat
