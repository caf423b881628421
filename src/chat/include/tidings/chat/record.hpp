// The data of the log's events: what is stored, and what clients see of it. The format is described in docs/format.md.
//
// A record is a sequence of fields, each a tag, a length and bytes; a field that is absent is empty. What clients see as
// JSON is stored as JSON, so that showing an event is concatenation; text lies there as plain UTF-8.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::chat {

// A message as of one event. Fields named ..._json are complete JSON texts, empty standing for nothing.
struct MessageRecord {
  std::string id;      // of the message; empty in message.created, whose own id it is
  Seq seq = 0;         // of its message.created
  std::string author;  // user id
  UserKey author_key = 0;
  MessageType type = MessageType::kText;
  std::string text_json;       // a JSON string with its quotes
  std::string media_json;      // [{...}]
  std::string contact_json;    // {...}
  Seq reply_seq = 0;           // of the message replied to; 0: none
  std::string reply_json;      // {...}; not stored: what the message replied to said then, see QuoteSource
  std::string links_json;      // [{...}]
  std::string mentions_json;   // ["userId"]
  std::vector<UserKey> mentioned;
  std::string reactions_json;  // [{...}]
  Millis created_at = 0;
  Millis updated_at = 0;
  Millis edited_at = 0;      // 0: never
  Millis deleted_at = 0;     // 0: not deleted
  std::string client_id;     // clientMessageId; empty: none
  std::string request_hash;  // 16 bytes; of the send, for the check of a repeated clientMessageId
  std::string alert;         // what NEW_MESSAGE shows as `text` where that is not the message's text
  // Of message.updated and message.deleted only:
  std::string reason;  // edit, reaction or links
  Seq previous = 0;    // the event before this one about the same message
  std::string by;      // user id of who did it; empty: the author
  // Of message.updated by a reaction only:
  std::string emoji;
  bool reaction_removed = false;
  UserKey by_key = 0;

  std::string Encode() const;
  static std::optional<MessageRecord> Decode(std::string_view data);
  // Whether the record shows nothing of what it once said.
  bool Tombstone() const { return deleted_at != 0; }
};

// The data of room.created, room.updated, room.deleted, member.joined, member.left and member.updated.
struct RoomRecord {
  std::string by;  // user id
  RoomKind kind = RoomKind::kGroup;
  std::string name;
  std::string creator;  // user id
  Millis created_at = 0;
  Millis deleted_at = 0;
  std::vector<MemberName> joined;    // the first members in room.created
  std::vector<UserKey> joined_keys;  // in the same order
  std::vector<MemberName> left;
  std::vector<UserKey> left_keys;
  std::vector<MemberName> updated;
  std::vector<UserKey> updated_keys;

  std::string Encode() const;
  static std::optional<RoomRecord> Decode(std::string_view data);
};

// Who has seen a message, where that is asked.
struct Seen {
  std::vector<std::string> users;  // at most 100
  std::uint64_t count = 0;
};

// What `reply_to` shows of a message: nothing of its text once it is deleted.
std::string Quote(const MessageRecord& message);
// Gives Quote of the message with the number `seq` in the event's room, as it stood at the room's event `as_of`, but of a
// deleted one nothing of its text whatever the event; empty if there is no such message.
using QuoteSource = std::function<std::string(Seq seq, Seq as_of)>;

// Appends the message document of the contract.
// `id` and `seq` are those of the message, `updated_at` 0 stands for `created_at`.
void AppendMessage(std::string& out, std::string_view room, const MessageRecord& message, const Seen* seen = nullptr);
// The room document as events show it: without what depends on the reader; room.created alone has `members`.
void AppendRoom(std::string& out, std::string_view room, const RoomRecord& record);

// Fills in what message.created leaves to its event (id, seq, created_at).
void CompleteCreated(MessageRecord& message, const eventing::StoredEvent& event);
// A message event's record with nothing left open; nothing if the data is damaged or is no message event.
std::optional<MessageRecord> MessageOf(const eventing::StoredEvent& event);

// Appends the event as GET …/events shows it. False if the data is damaged.
bool AppendEvent(std::string& out, std::string_view room, const eventing::StoredEvent& event,
                 const QuoteSource& quotes);
// Appends `"NAME",{…}`: the arguments of the Socket.IO event that shows this event, without the brackets. False if the
// data is damaged.
bool AppendSocketEvent(std::string& out, std::string_view room, const eventing::StoredEvent& event,
                       const QuoteSource& quotes);
// The same for a message's event of which the record is at hand, with its quote.
void AppendMessageEvent(std::string& out, std::string_view room, std::string_view type, Seq number,
                        const MessageRecord& message);

// The preview that this message gives. REQUIRES: not a tombstone.
LastMessage PreviewOf(const MessageRecord& message);

}  // namespace tidings::chat
