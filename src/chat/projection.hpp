// Projection: what each event of the log means for the rows. The one place that derives them: commands run it in their
// own commit, verification and import run it over the whole log.
#pragma once

#include <functional>
#include <optional>

#include <tidings/chat/record.hpp>

#include "recent_sends.hpp"
#include "room_cache.hpp"

namespace tidings::chat {

class Projection {
 public:
  // Gives an event of the log as it is stored now.
  using Source = std::function<std::optional<eventing::StoredEvent>(RoomKey, Seq)>;

  // Without `sends` the events are old: their sends go into the table at once, and what was redacted later is gone from
  // them already.
  Projection(Tables& tables, RoomCache& rooms, Source source, RecentSends* sends)
      : tables_(tables), rooms_(rooms), source_(std::move(source)), sends_(sends) {}

  // REQUIRES: the room's events come in order. `room_id` is used by room.created alone.
  void Apply(const eventing::StoredEvent& event, std::string_view room_id, const RoomRecord& record);
  // The record is complete (see MessageOf). Before a message.deleted the command redacts the message's events and
  // calls ForgetMentions; when replayed, they never were.
  void Apply(const eventing::StoredEvent& event, const MessageRecord& record);

  void ForgetMentions(RoomKey room, const MessageRecord& message);

  // The message as it is now: of its last event, or of its message.created. Nothing if there is none.
  std::optional<MessageRecord> Current(RoomKey room, Seq seq);

 private:
  void Created(RoomState& room, const eventing::StoredEvent& event, const MessageRecord& record);
  void Updated(RoomState& room, const eventing::StoredEvent& event, const MessageRecord& record);
  void Deleted(RoomState& room, const eventing::StoredEvent& event, const MessageRecord& record);
  void SetPreview(RoomState& room, std::optional<Seq> seq);
  void Advance(RoomState& room, const eventing::StoredEvent& event);

  Tables& tables_;
  RoomCache& rooms_;
  Source source_;
  RecentSends* sends_;
};

}  // namespace tidings::chat
