#include <tidings/chat/rebuild.hpp>

#include "projection.hpp"

namespace tidings::chat {

namespace {

[[noreturn]] void Unreadable(const eventing::StoredEvent& event) {
  throw eventing::StoreFailure(Error(ErrorCode::kInternal, "event " + event.id.Text() + " (" + event.type +
                                                               ", position " + std::to_string(event.position) +
                                                               "): its data cannot be read"));
}

}  // namespace

class Rebuild::State {
 public:
  State(Tables& given, Source source)
      : tables(given), rooms(given), projection(given, rooms, std::move(source), nullptr) {}
  Tables& tables;
  RoomCache rooms;
  Position head = 0;
  Projection projection;
};

Rebuild::Rebuild(Tables& tables, Source source) : state_(std::make_unique<State>(tables, std::move(source))) {}
Rebuild::~Rebuild() = default;

void Rebuild::Apply(const eventing::StoredEvent& event, std::string_view room_id) {
  state_->head = event.position;
  if (event.type.starts_with("message.")) {
    const auto record = MessageOf(event);
    if (!record) Unreadable(event);
    return state_->projection.Apply(event, *record);
  }
  const auto record = RoomRecord::Decode(event.data);
  const bool whole = record && record->joined.size() == record->joined_keys.size() &&
                     record->left.size() == record->left_keys.size() &&
                     record->updated.size() == record->updated_keys.size();
  if (!whole) Unreadable(event);
  state_->projection.Apply(event, room_id, *record);
  // A direct room may take the place of one that was deleted: their rows are written in this order.
  if (event.type == event_type::kRoomCreated || event.type == event_type::kRoomDeleted) state_->rooms.Flush();
}

bool Rebuild::SetRead(std::string_view room_id, UserKey user, Seq seq) {
  RoomState* room = state_->rooms.Find(room_id);
  if (room == nullptr || seq > room->row.head) return false;
  const auto member = room->members.find(user);
  if (member == room->members.end()) return false;
  member->second.read = seq;
  state_->rooms.TouchRead(*room, user);
  return true;
}

void Rebuild::Flush() {
  state_->rooms.Flush();
  state_->rooms.Trim();
  state_->tables.PutSendsMark(state_->head);
}

}  // namespace tidings::chat
