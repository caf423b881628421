#include "history.hpp"

namespace tidings::app {

namespace {

using chat::Engine;

const std::vector<std::string> kNames{"ann", "bob", "cat", "dan", "eve"};
const std::vector<std::string> kEmojis{"+1", "heart", "tada"};

}  // namespace

History::History(LocalStore& store, std::uint32_t seed) : store_(store), random_(seed) {}

void History::Begin() {
  for (const std::string& name : kNames) {
    chat::Bearer bearer;
    bearer.sub = name;
    bearer.name = "The " + name;
    people_.push_back(
        *store_.Ask<chat::Caller>([&](Engine& engine, auto done) { engine.Admit(bearer, std::move(done)); }));
  }
  (void)store_.Ask<chat::Caller>(
      [](Engine& engine, auto done) { engine.Register("frank", "a hash", "Frank", std::move(done)); });
  Create("group", chat::RoomKind::kGroup, 4);
  Create("busy", chat::RoomKind::kGroup, 5);
  Create("public", chat::RoomKind::kPublic, 3);
  Create("pair", chat::RoomKind::kDirect, 2);
}

void History::Create(const std::string& id, chat::RoomKind kind, std::size_t members) {
  chat::RoomDraft draft;
  draft.id = id;
  draft.name = "Room " + id;
  draft.kind = kind;
  for (std::size_t i = 1; i < members; ++i) draft.members.push_back(kNames[i]);
  const auto made = store_.Ask<Engine::Created>(
      [&](Engine& engine, auto done) { engine.CreateRoom(people_[0], draft, std::move(done)); });
  if (made) rooms_.push_back(id);
}

void History::Go(int commands) {
  for (int i = 0; i < commands; ++i) {
    // The busy room fills several blocks of counts.
    const std::string room = Below(2) == 0 ? "busy" : OneOf(rooms_);
    if (Below(10) < 5) {
      Send(room);
    } else {
      Other(room);
    }
  }
}

void History::Send(const std::string& room) {
  json::object request;
  request["text"] = "message " + std::to_string(sent_) + " @" + OneOf(kNames) + " é";
  if (Below(2) == 0) request["clientMessageId"] = "c" + std::to_string(sent_);
  if (Below(6) == 0) {
    json::object image;
    image["_id"] = "i" + std::to_string(sent_);
    image["filename"] = "cat.png";
    image["type"] = "image/png";
    request["images"] = json::array{image};
  }
  auto& messages = messages_[room];
  if (!messages.empty() && Below(5) == 0) request["replyTo"] = OneOf(messages);
  ++sent_;
  const auto draft = chat::ParseSend(room, request, false, chat::Limits{});
  if (!draft) return;
  const auto sent =
      store_.Ask<std::string>([&](Engine& engine, auto done) { engine.Send(Someone(), *draft, std::move(done)); });
  if (!sent) return;
  const auto parsed = json::Parse(*sent);
  messages.emplace_back(parsed->get_object().at("_id").get_string());
}

// What is refused changes nothing, and is not looked at.
void History::Other(const std::string& room) {
  const chat::Caller& who = Someone();
  const auto& messages = messages_[room];
  const std::string message = messages.empty() ? "none" : OneOf(messages);
  const auto ask = [&](auto call) { (void)store_.Ask<std::string>(call); };
  switch (Below(12)) {
    case 0:
    case 1:
      return ask(
          [&](Engine& e, auto done) { e.Edit(who, room, message, "edited @" + OneOf(kNames), std::move(done)); });
    case 2:
    case 3: return ask([&](Engine& e, auto done) { e.Delete(people_[0], room, message, std::move(done)); });
    case 4:
    case 5:
    case 6:
      return ask(
          [&](Engine& e, auto done) { e.React(who, room, message, OneOf(kEmojis), Below(3) == 0, std::move(done)); });
    case 7:
    case 8: return ask([&](Engine& e, auto done) { e.Read(who, room, 1 + Below(200), 0, std::move(done)); });
    case 9:
      return ask(
          [&](Engine& e, auto done) { e.RemoveMember(people_[0], room, kNames[1 + Below(4)], std::move(done)); });
    case 10:
      return ask([&](Engine& e, auto done) { e.AddMembers(people_[0], room, {OneOf(kNames)}, std::move(done)); });
    default: break;
  }
  if (Below(4) != 0) {
    return ask([&](Engine& e, auto done) { e.RenameRoom(people_[0], room, "Room", std::move(done)); });
  }
  if (!room.starts_with("pair")) return;
  ask([&](Engine& e, auto done) { e.DeleteRoom(people_[0], room, std::move(done)); });
  std::erase(rooms_, room);
  Create("pair-" + std::to_string(sent_), chat::RoomKind::kDirect, 2);
}

}  // namespace tidings::app
