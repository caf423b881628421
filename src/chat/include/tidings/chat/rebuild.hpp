// Rebuild: derives the rows of a log that is there already, by the rules of the commands that once wrote it.
//
//   chat::Rebuild rebuild(tables, [&](chat::RoomKey room, chat::Seq seq) { return log.Read(room, seq); });
//   for (const auto& event : log) rebuild.Apply(event, RoomIdOf(event.stream));
//   rebuild.Flush();
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <tidings/chat/tables.hpp>

namespace tidings::chat {

// One thread. Failures of the tables, and a log that contradicts itself, are thrown as eventing::StoreFailure, which
// names the event.
class Rebuild {
 public:
  // Gives an event of the log as it is stored now.
  using Source = std::function<std::optional<eventing::StoredEvent>(RoomKey, Seq)>;
  // REQUIRES: `tables` outlives it, and sees the log as `source` does.
  Rebuild(Tables& tables, Source source);
  ~Rebuild();

  // REQUIRES: each event once, in the order of positions, as it is stored now: redacted if it ever was.
  void Apply(const eventing::StoredEvent& event, std::string_view room_id);
  // The member has seen everything up to `seq`. False, and nothing happens, if there is no such room or member, or the
  // room's head lies below.
  bool SetRead(std::string_view room_id, UserKey user, Seq seq);
  // Writes what has been gathered so far. To be called now and then, and at the end.
  void Flush();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::chat
