// Rooms, members and the room's log.
#include <charconv>

#include <tidings/chat/room_view.hpp>

#include "http_query.hpp"

namespace tidings::net {

namespace {

std::string CursorOf(const chat::RoomRow& room) {
  return std::to_string(room.ActiveAt()) + "." + std::to_string(room.key);
}

Result<std::optional<chat::RoomCursor>> CursorFrom(std::string_view text) {
  if (text.empty()) return std::optional<chat::RoomCursor>();
  const std::size_t dot = text.find('.');
  const auto at = ParseWhole(text.substr(0, dot));
  const auto key = dot == std::string_view::npos ? std::nullopt : ParseWhole(text.substr(dot + 1));
  if (!at || !key) return Fail(ErrorCode::kInvalid, "\"cursor\" is none that this list gave");
  return chat::RoomCursor{static_cast<Millis>(*at), *key};
}

struct Page {
  std::string data;
  std::string next;
};

}  // namespace

void HttpApi::CreateRoom(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto draft = chat::ParseRoom(*body, services_.settings.limits);
  if (!draft) return call.Refuse(draft.error());
  const chat::Caller caller = *call.caller;
  if (auto allowed = gate_.AllowMembers(caller, draft->members.size()); !allowed) return call.Refuse(allowed.error());
  services_.engine.CreateRoom(caller, std::move(*draft),
                              OnLoop<chat::Engine::Created>(
                                  services_.loop, [call = std::move(call)](Result<chat::Engine::Created> made) mutable {
                                    if (!made) return call.Refuse(made.error());
                                    call.Succeed(made->room_json, made->fresh ? 201 : 200);
                                  }));
}

void HttpApi::ListRooms(HttpCall call) {
  auto limit = LimitOf(call.request, 50, 200);
  if (!limit) return call.Refuse(limit.error());
  auto cursor = CursorFrom(call.request.Query("cursor"));
  if (!cursor) return call.Refuse(cursor.error());
  const std::string kind(call.request.Query("kind"));
  if (!kind.empty() && kind != "public") {
    return call.Refuse(Error(ErrorCode::kInvalid, "\"kind\" must be public; your own rooms are listed without it"));
  }
  auto shared = LoopShared(services_.loop, std::move(call));
  ReadThen<Page>(
      services_,
      [shared, cursor = *cursor, limit = *limit, finds = kind == "public"](chat::Reader& reader) -> Result<Page> {
        const chat::UserKey user = shared->caller->key;
        auto rows = finds ? reader.PublicRooms(user, shared->request.Query("q"), cursor, limit + 1)
                          : reader.RoomsOf(user, cursor, limit + 1);
        Page page;
        if (rows.size() > limit) {
          rows.pop_back();
          page.next = CursorOf(rows.back().room);
        }
        page.data = "[";
        for (const chat::RoomListing& row : rows) {
          if (page.data.size() > 1) page.data += ',';
          chat::AppendRoomView(page.data, {.room = row.room,
                                           .member = row.member.user == 0 ? nullptr : &row.member,
                                           .unread = row.unread,
                                           .mentions = row.mentions});
        }
        page.data += ']';
        return page;
      },
      [shared](Result<Page> page) {
        if (!page) return shared->Refuse(page.error());
        shared->SucceedList(page->data, page->next);
      });
}

void HttpApi::GetRoom(HttpCall call) {
  const std::string id = call.path[1];
  const chat::UserKey user = call.caller->key;
  AnswerRead(std::move(call), [id, user](chat::Reader& reader) -> Result<std::string> {
    const auto room = ReadableRoom(reader, id, user);
    if (!room) return std::unexpected(room.error());
    const auto member = reader.FindMember(room->key, user);
    chat::RoomView view{.room = *room, .member = member ? &*member : nullptr};
    if (member) {
      const chat::Seq past = std::max(member->read, member->joined);
      view.unread = reader.Unread(room->key, user, past);
      view.mentions = reader.Mentions(room->key, user, past);
    }
    const auto visible = room->last ? reader.MembersAt(room->key, room->last->seq) : std::vector<std::string>();
    view.visible = &visible;
    std::string out;
    chat::AppendRoomView(out, view);
    return out;
  });
}

void HttpApi::PatchRoom(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto name = json::RequiredText(*body, "name");
  if (!name) return call.Refuse(name.error());
  auto checked = chat::CheckName(std::move(*name), services_.settings.limits);
  if (!checked) return call.Refuse(checked.error());
  const chat::Caller caller = *call.caller;
  const std::string id = call.path[1];
  services_.engine.RenameRoom(caller, id, std::move(*checked), Answering(std::move(call)));
}

void HttpApi::DeleteRoom(HttpCall call) {
  const chat::Caller caller = *call.caller;
  const std::string id = call.path[1];
  services_.engine.DeleteRoom(caller, id, Answering(std::move(call)));
}

void HttpApi::ListMembers(HttpCall call) {
  auto limit = LimitOf(call.request, 200, 1'000);
  if (!limit) return call.Refuse(limit.error());
  auto cursor = WholeOf(call.request, "cursor");
  if (!cursor) return call.Refuse(cursor.error());
  auto shared = LoopShared(services_.loop, std::move(call));
  ReadThen<Page>(
      services_,
      [shared, after = cursor->value_or(0), limit = *limit](chat::Reader& reader) -> Result<Page> {
        const auto room = ReadableRoom(reader, shared->path[1], shared->caller->key);
        if (!room) return std::unexpected(room.error());
        auto members = reader.Members(room->key, after, limit + 1);
        Page page;
        if (members.size() > limit) {
          members.pop_back();
          page.next = std::to_string(members.back().second.user);
        }
        page.data = "[";
        for (const auto& [user_id, member] : members) {
          if (page.data.size() > 1) page.data += ',';
          chat::AppendMember(page.data, user_id, member);
        }
        page.data += ']';
        return page;
      },
      [shared](Result<Page> page) {
        if (!page) return shared->Refuse(page.error());
        shared->SucceedList(page->data, page->next);
      });
}

void HttpApi::AddMembers(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto users = chat::ParseUserIds(*body, "userIds", services_.settings.limits.members_per_call);
  if (!users) return call.Refuse(users.error());
  if (users->empty()) return call.Refuse(Error(ErrorCode::kInvalid, "\"userIds\" must name at least one user"));
  const chat::Caller caller = *call.caller;
  if (auto allowed = gate_.AllowMembers(caller, users->size()); !allowed) return call.Refuse(allowed.error());
  const std::string id = call.path[1];
  services_.engine.AddMembers(caller, id, std::move(*users), Answering(std::move(call)));
}

void HttpApi::PatchMember(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto name = json::RequiredText(*body, "role");
  if (!name) return call.Refuse(name.error());
  const auto role = chat::ParseRole(*name);
  if (!role) return call.Refuse(Error(ErrorCode::kInvalid, "\"role\" must be owner, admin or member"));
  const chat::Caller caller = *call.caller;
  const std::string id = call.path[1];
  const std::string user = call.path[3];
  services_.engine.SetRole(caller, id, user, *role, Answering(std::move(call)));
}

void HttpApi::RemoveMember(HttpCall call) {
  const chat::Caller caller = *call.caller;
  const std::string id = call.path[1];
  const std::string user = call.path[3];
  services_.engine.RemoveMember(caller, id, user, Answering(std::move(call)));
}

void HttpApi::PutRead(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto seq = json::OptionalWhole(*body, "seq");
  if (!seq) return call.Refuse(seq.error());
  if (!*seq) return call.Refuse(Error(ErrorCode::kInvalid, "\"seq\" is missing"));
  const chat::Caller caller = *call.caller;
  const std::string id = call.path[1];
  services_.engine.Read(caller, id, **seq, 0, Answering(std::move(call)));
}

void HttpApi::ListEvents(HttpCall call) {
  auto limit = LimitOf(call.request, 100, 1'000);
  if (!limit) return call.Refuse(limit.error());
  auto after = WholeOf(call.request, "after");
  if (!after) return call.Refuse(after.error());
  const std::string id = call.path[1];
  const chat::UserKey user = call.caller->key;
  AnswerRead(std::move(call),
             [id, user, after = after->value_or(0), limit = *limit](chat::Reader& reader) -> Result<std::string> {
               const auto room = ReadableRoom(reader, id, user);
               if (!room) return std::unexpected(room.error());
               const chat::EventPage page = reader.Events(*room, after, limit);
               const auto quotes = chat::QuotesOf(reader, room->key);
               std::string out;
               json::ObjectWriter writer(out);
               std::string& list = writer.Key("events");
               list += '[';
               chat::Seq last = after;
               for (const eventing::StoredEvent& event : page.events) {
                 if (list.size() > chat::kMostPageBytes) break;
                 if (last != after) list += ',';
                 if (!chat::AppendEvent(list, room->id, event, quotes)) {
                   return Fail(ErrorCode::kInternal, "event " + event.id.Text() + " is damaged; run tidings verify");
                 }
                 last = event.version;
               }
               list += ']';
               writer.Number("head", page.head).Bool("hasMore", last < page.head).End();
               return out;
             });
}

}  // namespace tidings::net
