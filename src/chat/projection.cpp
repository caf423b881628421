#include "projection.hpp"

#include <algorithm>

namespace tidings::chat {

namespace {

// The log contradicts itself: it is damaged, or was written by a defect.
[[noreturn]] void Contradiction(const eventing::StoredEvent& event, std::string_view what) {
  throw eventing::StoreFailure(Error(ErrorCode::kInternal, "event " + event.id.Text() + " (" + event.type +
                                                               ", number " + std::to_string(event.version) +
                                                               "): " + std::string(what)));
}

}  // namespace

void Projection::Advance(RoomState& room, const eventing::StoredEvent& event) {
  room.row.head = event.version;
  rooms_.Touch(room);
  if ((event.version + 1) % kCountBlock == 0) tables_.CloseBlock(room.row.key, event.version / kCountBlock);
}

void Projection::Apply(const eventing::StoredEvent& event, std::string_view room_id, const RoomRecord& record) {
  if (event.type == event_type::kRoomCreated) {
    RoomRow row;
    row.key = event.stream;
    row.id = room_id;
    row.kind = record.kind;
    row.name = record.name;
    row.creator = event.author;
    row.creator_id = record.creator;
    row.created_at = row.updated_at = event.at;
    if (row.kind == RoomKind::kDirect && record.joined_keys.size() == 2) {
      row.pair_low = std::min(record.joined_keys[0], record.joined_keys[1]);
      row.pair_high = std::max(record.joined_keys[0], record.joined_keys[1]);
    }
    rooms_.Create(row);
  }
  RoomState* room = rooms_.Find(event.stream);
  if (room == nullptr) Contradiction(event, "there is no such room");
  if (event.type == event_type::kRoomUpdated) {
    room->row.name = record.name;
    room->row.updated_at = event.at;
  }
  for (std::size_t i = 0; i < record.joined.size(); ++i) {
    const MemberRow member{record.joined_keys[i], record.joined[i].role, event.at, event.version, 0};
    room->members[member.user] = member;
    tables_.PutMember(room->row.key, member);
  }
  for (const UserKey user : record.left_keys) {
    room->members.erase(user);
    tables_.RemoveMember(room->row.key, user);
  }
  for (std::size_t i = 0; i < record.updated.size(); ++i) {
    const auto member = room->members.find(record.updated_keys[i]);
    if (member == room->members.end()) Contradiction(event, "it changes somebody who is no member");
    member->second.role = record.updated[i].role;
    tables_.PutMember(room->row.key, member->second);
  }
  if (event.type == event_type::kRoomDeleted) {
    room->row.deleted_at = event.at;
    for (const auto& [user, member] : room->members) tables_.RemoveMember(room->row.key, user);
    room->members.clear();
  }
  if (!record.joined.empty() || !record.left.empty() || room->row.deleted_at != 0) room->ForgetPeople();
  room->row.members = room->members.size();
  Advance(*room, event);
  // Rooms are found by pairs and counted by users in the rows: those must not wait for the end of the commit.
  if (event.type != event_type::kRoomUpdated) tables_.PutRoom(room->row);
}

void Projection::Apply(const eventing::StoredEvent& event, const MessageRecord& record) {
  RoomState* room = rooms_.Find(event.stream);
  if (room == nullptr) Contradiction(event, "there is no such room");
  if (event.type == event_type::kMessageCreated) {
    Created(*room, event, record);
  } else if (event.type == event_type::kMessageUpdated) {
    Updated(*room, event, record);
  } else {
    Deleted(*room, event, record);
  }
  Advance(*room, event);
}

void Projection::Created(RoomState& room, const eventing::StoredEvent& event, const MessageRecord& record) {
  if (!record.client_id.empty() && sends_ != nullptr) {
    sends_->Put(event.author, record.client_id, event.position);
  } else if (!record.client_id.empty()) {
    tables_.PutSend(event.author, record.client_id, event.position);
  }
  for (const UserKey user : record.mentioned) tables_.PutMention(user, room.row.key, record.seq);
  if (record.reply_seq != 0) tables_.PutReply(room.row.key, record.reply_seq, record.seq);
  if (!record.Tombstone()) room.row.last = PreviewOf(record);
}

void Projection::Updated(RoomState& room, const eventing::StoredEvent& event, const MessageRecord& record) {
  const RoomKey key = room.row.key;
  if (!record.emoji.empty() && !record.Tombstone()) {
    if (record.reaction_removed) {
      tables_.RemoveReaction(key, record.seq, record.emoji, record.by_key);
    } else {
      tables_.PutReaction(key, record.seq, record.emoji, record.by_key, record.by, event.version);
    }
  } else if (const auto before = Current(key, record.seq)) {
    for (const UserKey user : before->mentioned) {
      if (std::ranges::find(record.mentioned, user) == record.mentioned.end()) {
        tables_.RemoveMention(user, key, record.seq);
      }
    }
    for (const UserKey user : record.mentioned) tables_.PutMention(user, key, record.seq);
  }
  tables_.PutMessageState(key, record.seq, event.version, record.Encode());
  if (room.row.last && room.row.last->seq == record.seq && !record.Tombstone()) room.row.last = PreviewOf(record);
}

void Projection::Deleted(RoomState& room, const eventing::StoredEvent& event, const MessageRecord& record) {
  const RoomKey key = room.row.key;
  if (sends_ != nullptr) {
    // An earlier event closed the message's block, and counted it; this one finds it redacted already.
    const Seq block = record.seq / kCountBlock;
    if ((block + 1) * kCountBlock - 1 < event.version) tables_.AddToBlock(key, block, record.author_key, -1);
  }
  tables_.RemoveReactions(key, record.seq);
  tables_.PutMessageState(key, record.seq, event.version, record.Encode());
  if (room.row.last && room.row.last->seq == record.seq) SetPreview(room, tables_.NewestMessage(key, record.seq));
}

void Projection::ForgetMentions(RoomKey room, const MessageRecord& message) {
  for (const UserKey user : message.mentioned) tables_.RemoveMention(user, room, message.seq);
}

void Projection::SetPreview(RoomState& room, std::optional<Seq> seq) {
  room.row.last.reset();
  if (!seq) return;
  if (const auto message = Current(room.row.key, *seq)) room.row.last = PreviewOf(*message);
}

std::optional<MessageRecord> Projection::Current(RoomKey room, Seq seq) {
  if (const auto state = tables_.MessageState(room, seq)) return MessageRecord::Decode(*state);
  const auto event = source_(room, seq);
  if (!event || event->type != event_type::kMessageCreated) return std::nullopt;
  return MessageOf(*event);
}

}  // namespace tidings::chat
