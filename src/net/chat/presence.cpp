#include <tidings/net/chat/presence.hpp>

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

void PresenceBoard::OnUser(const chat::Caller& caller, bool online) {
  if (online) {
    leaving_.erase(caller.key);
  } else {
    leaving_[caller.key] = {caller.id, services_.loop.Now(), services_.clock.Now()};
  }
  Mark(caller.key);
}

void PresenceBoard::OnSocketGone(ChatSocket& socket) {
  for (const chat::UserKey user : socket.watching) {
    const auto watched = watched_.find(user);
    if (watched == watched_.end()) continue;
    watched->second.watchers.erase(socket.serial);
    if (watched->second.watchers.empty()) watched_.erase(watched);
  }
  socket.watching.clear();
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
  OnSocketGone(socket);
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
      [this, serial = socket.serial, ack = std::move(ack)](Result<std::vector<Found>> found) mutable {
        ChatSocket* socket = hub_.Find(serial);
        if (socket == nullptr) return;
        if (!found) {
          if (ack) ack(realtime::RawJson{ErrorBody(found.error())});
          return;
        }
        std::string list;
        for (const Found& one : *found) {
          Watched& state = watched_[one.user];
          const bool online = Online(one.user);
          if (state.watchers.empty()) {
            state.id = one.id;
            state.last_seen = one.last_seen;
            state.shown = online;
          }
          state.watchers.insert(serial);
          socket->watching.insert(one.user);
          list += list.empty() ? "[" : ",";
          AppendState(list, one.id, online, online ? services_.clock.Now() : std::max(state.last_seen, one.last_seen));
        }
        if (ack) ack(realtime::RawJson{SuccessBody(R"({"users":)" + (list.empty() ? "[" : list) + "]}")});
      });
}

}  // namespace tidings::net
