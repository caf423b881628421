#include <tidings/chat/room_view.hpp>

#include <tidings/base/json.hpp>

namespace tidings::chat {

void AppendLastMessage(std::string& out, const RoomRow& room) {
  if (!room.last) {
    out += "null";
    return;
  }
  json::ObjectWriter(out)
      .Text("value", room.last->value)
      .Text("type", room.last->type)
      .Text("messageId", room.last->id)
      .Number("seq", room.last->seq)
      .Text("senderId", room.last->sender)
      .Time("at", room.last->at)
      .End();
}

void AppendRoomView(std::string& out, const RoomView& view) {
  const RoomRow& room = view.room;
  json::ObjectWriter writer(out);
  writer.Text("_id", room.id).Text("name", room.name).Text("kind", Name(room.kind));
  writer.Text("createdBy", room.creator_id).Time("createdAt", room.created_at).Time("updatedAt", room.updated_at);
  writer.Number("memberCount", room.members);
  if (view.member == nullptr) {
    writer.Null("role").Null("joinedAt").Number("readSeq", 0);
  } else {
    writer.Text("role", Name(view.member->role)).Time("joinedAt", view.member->joined_at);
    writer.Number("readSeq", view.member->read);
  }
  AppendLastMessage(writer.Key("lastMessage"), room);
  if (view.visible != nullptr) {
    std::string& list = writer.Key("lastMessageVisibleOnUsers");
    list += '[';
    for (std::size_t i = 0; i < view.visible->size(); ++i) {
      if (i > 0) list += ',';
      json::AppendString(list, (*view.visible)[i]);
    }
    list += ']';
  }
  writer.Number("unread", view.unread).Number("mentions", view.mentions).Number("head", room.head).End();
}

void AppendMember(std::string& out, std::string_view user_id, const MemberRow& member) {
  json::ObjectWriter(out)
      .Text("userId", user_id)
      .Text("role", Name(member.role))
      .Time("joinedAt", member.joined_at)
      .End();
}

}  // namespace tidings::chat
