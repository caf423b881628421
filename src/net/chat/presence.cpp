#include <tidings/net/chat/presence.hpp>

#include <algorithm>

#include <tidings/base/json.hpp>

namespace tidings::net {

namespace {

constexpr Millis kGather = 1'000;
constexpr Millis kGrace = 10'000;

struct Found {
  chat::UserKey user = 0;
  std::string id;
  Millis last_seen = 0;
};

void AppendState(std::string& out, std::string_view id, bool online, Millis last_seen) {
  json::ObjectWriter writer(out);
  writer.Text("userId", id).Bool("online", online);
  if (last_seen == 0) {
    writer.Null("lastSeen");
  } else {
    writer.Time("lastSeen", last_seen);
  }
  writer.End();
}

}  // namespace

// Who left a room may share none any more with those whom they watch, or who watch them; of a room that is gone, none of
// its members with each other.
void PresenceBoard::OnEvent(const chat::LiveEvent& event) {
  std::vector<Watching> doubtful;
  if (event.room_deleted && event.people) {
    for (const chat::UserKey user : *event.people) {
      const auto* sockets = hub_.SocketsOf(user);
      if (sockets == nullptr) continue;
      for (const ChatSocket* socket : *sockets) {
        for (const chat::UserKey watched : socket->watching) {
          if (std::ranges::binary_search(*event.people, watched)) doubtful.push_back({socket->serial, user, watched});
        }
      }
    }
  }
  for (const chat::UserKey user : event.left) {
    if (const auto* sockets = hub_.SocketsOf(user)) {
      for (ChatSocket* socket : *sockets) {
        for (const chat::UserKey watched : socket->watching) doubtful.push_back({socket->serial, user, watched});
      }
    }
    const auto watched = watched_.find(user);
    if (watched == watched_.end()) continue;
    for (const std::uint64_t serial : watched->second.watchers) {
      if (const ChatSocket* socket = hub_.Find(serial)) doubtful.push_back({serial, socket->caller->key, user});
    }
  }
  if (doubtful.empty()) return;
  ReadThen<std::vector<Watching>>(
      services_,
      [doubtful = std::move(doubtful)](chat::Reader& reader) mutable -> Result<std::vector<Watching>> {
        std::erase_if(doubtful, [&](const Watching& one) {
          return one.watcher == one.watched || reader.ShareRoom(one.watcher, one.watched);
        });
        return std::move(doubtful);
      },
      [this](Result<std::vector<Watching>> strangers) {
        if (!strangers) return;
        for (const Watching& one : *strangers) {
          if (ChatSocket* socket = hub_.Find(one.serial)) Unwatch(*socket, one.watched);
        }
      });
}

void PresenceBoard::OnUser(const chat::Caller& caller, bool online) {
  if (online) {
    leaving_.erase(caller.key);
  } else {
    leaving_[caller.key] = {caller.id, services_.loop.Now(), services_.clock.Now()};
  }
  Mark(caller.key);
}

void PresenceBoard::OnSocketGone(ChatSocket& socket) {
  while (!socket.watching.empty()) Unwatch(socket, *socket.watching.begin());
}

void PresenceBoard::Unwatch(ChatSocket& socket, chat::UserKey user) {
  socket.watching.erase(user);
  const auto watched = watched_.find(user);
  if (watched == watched_.end()) return;
  watched->second.watchers.erase(socket.serial);
  if (watched->second.watchers.empty()) watched_.erase(watched);
}

void PresenceBoard::OnTick() {
  const Millis now = services_.loop.Now();
  for (auto entry = leaving_.begin(); entry != leaving_.end();) {
    if (now < entry->second.at + kGrace) {
      ++entry;
      continue;
    }
    const auto watched = watched_.find(entry->first);
    if (watched != watched_.end()) watched->second.last_seen = entry->second.last_seen;
    seen_.emplace_back(entry->first, entry->second.last_seen);
    Mark(entry->first);
    entry = leaving_.erase(entry);
  }
  if (now < next_) return;
  next_ = now + kGather;
  if (!seen_.empty()) services_.engine.SetLastSeen(std::exchange(seen_, {}));
  // For each watcher one list.
  std::unordered_map<std::uint64_t, std::string> lists;
  for (const chat::UserKey user : changed_) {
    const auto watched = watched_.find(user);
    if (watched == watched_.end()) continue;
    Watched& state = watched->second;
    const bool online = Online(user);
    if (online == state.shown) continue;
    state.shown = online;
    for (const std::uint64_t serial : state.watchers) {
      std::string& list = lists[serial];
      list += list.empty() ? R"({"users":[)" : ",";
      AppendState(list, state.id, online, online ? services_.clock.Now() : state.last_seen);
    }
  }
  changed_.clear();
  for (auto& [serial, list] : lists) {
    ChatSocket* socket = hub_.Find(serial);
    if (socket != nullptr) hub_.SendNotice(*socket, Hub::Notice("PRESENCE", list + "]}"));
  }
}

void PresenceBoard::Watch(ChatSocket& socket, std::vector<std::string> user_ids, realtime::AckSender ack) {
  const std::uint64_t list = ++socket.watch_lists;
  ReadThen<std::vector<Found>>(
      services_,
      [user = socket.caller->key, ids = std::move(user_ids)](chat::Reader& reader) -> Result<std::vector<Found>> {
        std::vector<Found> found;
        for (const std::string& id : ids) {
          const auto row = reader.FindUser(id);
          if (row && (row->key == user || reader.ShareRoom(user, row->key))) {
            found.push_back({row->key, id, row->last_seen});
          }
        }
        return found;
      },
      [this, serial = socket.serial, list, ack = std::move(ack)](Result<std::vector<Found>> found) mutable {
        ChatSocket* socket = hub_.Find(serial);
        if (socket == nullptr) return;
        if (!found) {
          if (ack) ack(realtime::RawJson{ErrorBody(found.error())});
          return;
        }
        // Answers may overtake each other; the list that was asked for last counts.
        const bool newest = list >= socket->watch_list;
        if (newest) {
          socket->watch_list = list;
          OnSocketGone(*socket);
        }
        std::string states;
        for (const Found& one : *found) {
          const bool online = Online(one.user);
          const auto watched = newest ? watched_.try_emplace(one.user).first : watched_.find(one.user);
          Millis last_seen = one.last_seen;
          if (watched != watched_.end()) {
            Watched& state = watched->second;
            if (state.watchers.empty()) {
              state.id = one.id;
              state.last_seen = one.last_seen;
              state.shown = online;
            }
            last_seen = std::max(last_seen, state.last_seen);
            if (newest) {
              state.watchers.insert(serial);
              socket->watching.insert(one.user);
            }
          }
          states += states.empty() ? "[" : ",";
          AppendState(states, one.id, online, online ? services_.clock.Now() : last_seen);
        }
        if (ack) ack(realtime::RawJson{SuccessBody(R"({"users":)" + (states.empty() ? "[" : states) + "]}")});
      });
}

}  // namespace tidings::net
