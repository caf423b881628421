#include <tidings/net/chat/notices.hpp>

#include <algorithm>

#include <tidings/base/json.hpp>
#include <tidings/chat/room_view.hpp>

namespace tidings::net {

namespace {

constexpr Millis kUpdateInterval = 500;
constexpr Millis kSeenInterval = 1'000;
// Instead of the socket that read: the membership changed, nobody read.
constexpr std::uint64_t kNoRead = ~std::uint64_t{0};

struct Told {
  chat::UserKey user = 0;
  std::string object;
};

// Whether more than so many users are online in it, on however many devices.
bool MoreUsersThan(const HubRoom& room, std::size_t most) {
  if (room.followers.size() <= most) return false;
  std::unordered_set<chat::UserKey> users;
  for (const Follower* follower : room.followers) {
    users.insert(follower->socket->caller->key);
    if (users.size() > most) return true;
  }
  return false;
}

}  // namespace

void Notices::OnEvent(const chat::LiveEvent& event) {
  const bool people = event.message && event.people && !event.people->empty();
  if (!people && event.concerned.empty()) return;
  RoomState& state = rooms_[event.room];
  state.changed.room_id = event.room_id;
  if (people) state.changed.people = event.people;
  for (const chat::UserKey user : event.concerned) {
    const bool stays = std::ranges::find(event.left, user) == event.left.end();
    if (stays && hub_.Online(user)) state.changed.users.try_emplace(user, kNoRead);
  }
}

void Notices::OnRead(const chat::LiveRead& read) {
  const auto* sockets = hub_.SocketsOf(read.user);
  const bool alone = sockets != nullptr && sockets->size() == 1 && sockets->front()->serial == read.origin &&
                     sockets->front()->Find(read.room) != nullptr;
  if (sockets != nullptr && !alone) {
    RoomState& state = rooms_[read.room];
    state.changed.room_id = read.room_id;
    state.changed.users[read.user] = read.origin;
  }
  if (read.people->size() > services_.settings.seen_members || hub_.FindRoom(read.room) == nullptr) return;
  SeenState& seen = seen_[read.room];
  seen.room_id = read.room_id;
  seen.users[read.user_id] = read.seq;
}

void Notices::OnTick() {
  const Millis now = services_.loop.Now();
  for (auto entry = rooms_.begin(); entry != rooms_.end();) {
    RoomState& state = entry->second;
    const bool news = state.changed.people || !state.changed.users.empty();
    if (state.waiting || now < state.next_update) {
      ++entry;
    } else if (!news) {
      entry = rooms_.erase(entry);
    } else {
      Update(entry->first, state);
      ++entry;
    }
  }
  for (auto entry = seen_.begin(); entry != seen_.end();) {
    SeenState& state = entry->second;
    if (now < state.next) {
      ++entry;
      continue;
    }
    if (state.users.empty()) {
      entry = seen_.erase(entry);
      continue;
    }
    if (HubRoom* room = hub_.FindRoom(entry->first)) {
      std::string object;
      json::ObjectWriter writer(object);
      std::string& list = writer.Text("roomId", *state.room_id).Key("seen");
      list += '[';
      for (const auto& [user, seq] : state.users) {
        if (list.back() == '}') list += ',';
        json::ObjectWriter(list).Text("userId", user).Number("seq", seq).End();
      }
      list += ']';
      writer.End();
      const auto frame = Hub::Notice("SEEN", object);
      for (Follower* follower : room->followers) hub_.SendNotice(*follower->socket, frame);
    }
    state.users.clear();
    state.next = now + kSeenInterval;
    ++entry;
  }
  typing_.OnTick(now);
}

// The state is computed on a reading thread, when it is sent.
void Notices::Update(chat::RoomKey room, RoomState& state) {
  Changed changed = std::exchange(state.changed, {});
  state.changed.room_id = changed.room_id;
  state.next_update = services_.loop.Now() + kUpdateInterval;
  std::vector<chat::UserKey> users;
  const auto wants = [&](chat::UserKey user) {
    const auto* sockets = hub_.SocketsOf(user);
    return sockets != nullptr && std::ranges::any_of(*sockets, [&](ChatSocket* s) { return s->Find(room) == nullptr; });
  };
  if (changed.people) {
    // The shorter of the two lists leads.
    if (changed.people->size() <= hub_.online()) {
      for (const chat::UserKey user : *changed.people) {
        if (wants(user)) users.push_back(user);
      }
    } else {
      for (const auto& [serial, socket] : hub_.sockets()) {
        const chat::UserKey user = socket->caller->key;
        if (socket->Find(room) == nullptr && std::ranges::binary_search(*changed.people, user)) users.push_back(user);
      }
      std::ranges::sort(users);
      users.erase(std::ranges::unique(users).begin(), users.end());
    }
  }
  for (const auto& [user, origin] : changed.users) {
    const auto* sockets = hub_.SocketsOf(user);
    const bool alone = sockets != nullptr && sockets->size() == 1 && sockets->front()->serial == origin &&
                       sockets->front()->Find(room) != nullptr;
    if (sockets != nullptr && !alone && std::ranges::find(users, user) == users.end()) users.push_back(user);
  }
  if (users.empty()) return;
  state.waiting = true;
  auto moved = std::make_shared<const std::unordered_map<chat::UserKey, std::uint64_t>>(std::move(changed.users));
  ReadThen<std::vector<Told>>(
      services_,
      [room_id = changed.room_id, users](chat::Reader& reader) -> Result<std::vector<Told>> {
        std::vector<Told> told;
        const auto row = reader.FindRoom(*room_id);
        if (!row || row->deleted_at != 0) return told;
        std::string last;
        chat::AppendLastMessage(last, *row);
        for (const chat::UserKey user : users) {
          const auto member = reader.FindMember(row->key, user);
          if (!member) continue;
          const chat::Seq past = std::max(member->read, member->joined);
          const bool all = past >= row->head;
          Told& one = told.emplace_back(Told{user, {}});
          json::ObjectWriter(one.object)
              .Text("roomId", *room_id)
              .Raw("lastMessage", last)
              .Number("unread", all ? 0 : reader.Unread(row->key, user, past))
              .Number("mentions", all ? 0 : reader.Mentions(row->key, user, past))
              .Number("head", row->head)
              .End();
        }
        return told;
      },
      [this, room, moved, users](Result<std::vector<Told>> told) {
        const auto state = rooms_.find(room);
        if (state != rooms_.end()) state->second.waiting = false;
        if (!told) {
          // The last state is always sent: it is asked for again.
          if (state == rooms_.end()) return;
          for (const chat::UserKey user : users) {
            const auto reader = moved->find(user);
            state->second.changed.users.try_emplace(user, reader == moved->end() ? kNoRead : reader->second);
          }
          return;
        }
        for (const Told& one : *told) {
          const auto* sockets = hub_.SocketsOf(one.user);
          if (sockets == nullptr) continue;
          const auto reader = moved->find(one.user);
          const auto frame = Hub::Notice("ROOM_UPDATED", one.object);
          for (ChatSocket* socket : *sockets) {
            const bool joined = socket->Find(room) != nullptr;
            const bool moved_elsewhere =
                reader != moved->end() && reader->second != kNoRead && reader->second != socket->serial;
            if (joined && !moved_elsewhere) continue;
            socket->socket->Send(frame);
          }
        }
      });
}

void Notices::Typing(ChatSocket& socket, chat::RoomKey room, std::string_view room_id, bool active) {
  const chat::Caller& caller = *socket.caller;
  typing_.Say({room, caller.key, std::string(room_id), caller.id}, active, services_.loop.Now());
}

bool Notices::TellTyping(const TypingBoard::Typist& who, bool active) {
  HubRoom* room = hub_.FindRoom(who.room);
  if (active && room != nullptr && MoreUsersThan(*room, services_.settings.typing_online)) return false;
  if (room == nullptr) return true;
  std::string object;
  json::ObjectWriter(object).Text("roomId", who.room_id).Text("userId", who.user_id).Bool("active", active).End();
  const auto frame = Hub::Notice("TYPING", object);
  for (Follower* follower : room->followers) {
    if (follower->socket->caller->key != who.user) hub_.SendNotice(*follower->socket, frame);
  }
  return true;
}

}  // namespace tidings::net
