#include <tidings/net/chat/hub.hpp>

#include <algorithm>

#include <tidings/base/json.hpp>

namespace tidings::net {

namespace {

// Joins of one room that may wait for one replay.
constexpr std::size_t kMostWaiting = 100;

realtime::FrameRef EventFrame(std::string_view arguments) {
  std::string packet;
  packet.reserve(arguments.size() + 4);
  packet += "42[";
  packet += arguments;
  packet += ']';
  return realtime::Frame::Text(packet);
}

realtime::FrameRef EventFrame(std::string_view arguments, std::string_view offset) {
  std::string packet;
  packet.reserve(arguments.size() + offset.size() + 8);
  packet += "42[";
  packet += arguments;
  packet += ",\"";
  packet += offset;
  packet += "\"]";
  return realtime::Frame::Text(packet);
}

void AcknowledgeJoin(realtime::AckSender& ack, std::string_view room_json, chat::Seq head) {
  if (!ack) return;
  std::string data;
  json::ObjectWriter(data).Raw("room", room_json).Number("head", head).End();
  ack(realtime::RawJson{SuccessBody(data)});
}

}  // namespace

ChatSocket::~ChatSocket() {
  if (socket != nullptr) hub_.Remove(*this);
}

Follower* ChatSocket::Find(chat::RoomKey room) const {
  for (const auto& follower : rooms) {
    if (follower->room->key == room) return follower.get();
  }
  return nullptr;
}

Follower* ChatSocket::Find(std::string_view room_id) const {
  for (const auto& follower : rooms) {
    if (*follower->room->id == room_id) return follower.get();
  }
  return nullptr;
}

realtime::FrameRef Hub::Notice(std::string_view name, std::string_view object) {
  std::string packet = "42[\"";
  packet += name;
  packet += "\",";
  packet += object;
  packet += ']';
  return realtime::Frame::Text(packet);
}

bool Hub::Full(const ChatSocket& socket) const {
  return socket.socket->pending_bytes() > services_.settings.socket_window;
}

void Hub::SendNotice(ChatSocket& socket, const realtime::FrameRef& frame) {
  if (socket.socket->pending_bytes() > services_.settings.socket_window / 2) {
    services_.stats.ephemeral_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  socket.socket->Send(frame);
}

ChatSocket* Hub::Find(std::uint64_t serial) const {
  const auto found = sockets_.find(serial);
  return found == sockets_.end() ? nullptr : found->second;
}

HubRoom* Hub::FindRoom(chat::RoomKey room) {
  const auto found = rooms_.find(room);
  return found == rooms_.end() ? nullptr : &found->second;
}

const std::vector<ChatSocket*>* Hub::SocketsOf(chat::UserKey user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : &found->second;
}

// Live.

void Hub::OnCommit(const chat::LiveBatch& batch) {
  for (const chat::LiveEvent& event : batch.events) {
    Deliver(event);
    for (HubWatcher* watcher : watchers_) watcher->OnEvent(event);
  }
  for (const chat::LiveRead& read : batch.reads) {
    for (HubWatcher* watcher : watchers_) watcher->OnRead(read);
  }
  position_ = std::max(position_, batch.head);
  services_.stats.live_position.store(position_, std::memory_order_relaxed);
  for (const chat::UserKey user : batch.suspended) {
    if (const auto* sockets = SocketsOf(user)) {
      const auto copy = *sockets;
      for (ChatSocket* socket : copy) EndRights(*socket, "suspended");
    }
  }
}

void Hub::Deliver(const chat::LiveEvent& event) {
  realtime::FrameRef plain;
  realtime::FrameRef with_offset;
  position_ = event.position;
  if (event.redacts) ++redactions_;
  HubRoom* room = FindRoom(event.room);
  if (room != nullptr) {
    room->head = event.seq;
    for (Follower* follower : room->followers) {
      ChatSocket& socket = *follower->socket;
      if (socket.behind || follower->replaying) continue;
      follower->sent = event.seq;
      if (!socket.recovers()) {
        if (!plain) plain = EventFrame(event.arguments);
        socket.socket->Send(plain);
      } else if (socket.replays == 0) {
        if (!with_offset) with_offset = EventFrame(event.arguments, std::to_string(event.position));
        socket.socket->Send(with_offset);
      } else {
        socket.socket->Send(EventFrame(event.arguments, OffsetOf(socket, event.position)));
      }
      if (Full(socket)) FallBehind(socket, event.position);
    }
    services_.stats.deliveries.fetch_add(room->followers.size(), std::memory_order_relaxed);
  }
  // Those whose membership changed learn it wherever they are; of a room that is new, by ROOM_UPDATED alone.
  const bool created = event.seq == 1;
  for (const chat::UserKey user : event.concerned) {
    const auto* sockets = SocketsOf(user);
    if (created || sockets == nullptr) continue;
    for (ChatSocket* socket : *sockets) {
      const Follower* follower = socket->Find(event.room);
      const bool told = follower != nullptr && follower->sent >= event.seq;
      const bool leaves = std::ranges::find(event.left, user) != event.left.end();
      if (follower != nullptr && !told && !leaves) continue;  // it comes in order
      if (told) continue;
      if (socket->recovers()) {
        if (leaves) socket->told = event.position;
        // It has all of its rooms up to there, so the place is as good as any.
        const chat::Position place = socket->behind ? socket->live : event.position;
        socket->socket->Send(EventFrame(event.arguments, OffsetOf(*socket, place)));
        continue;
      }
      if (!plain) plain = EventFrame(event.arguments);
      socket->socket->Send(plain);
    }
  }
  for (const chat::UserKey user : event.left) {
    const auto* sockets = SocketsOf(user);
    if (sockets == nullptr) continue;
    const auto copy = *sockets;
    for (ChatSocket* socket : copy) {
      if (Follower* follower = socket->Find(event.room)) Unfollow(*follower, true);
    }
  }
  if (event.room_deleted && room != nullptr) {
    const auto copy = room->followers;
    for (Follower* follower : copy) {
      if (follower->sent < event.seq) {
        if (!plain) plain = EventFrame(event.arguments);
        follower->socket->socket->Send(plain);
      }
      Unfollow(*follower, true);
    }
  }
}

void Hub::FallBehind(ChatSocket& socket, chat::Position sent) {
  socket.behind = true;
  socket.live = sent;
  services_.stats.fell_behind.fetch_add(1, std::memory_order_relaxed);
  services_.stats.behind.fetch_add(1, std::memory_order_relaxed);
  socket.socket->NotifyDrained();
}

std::string Hub::OffsetOf(const ChatSocket& socket, chat::Position position) const {
  chat::Offset offset;
  offset.position = position;
  if (const Follower* replay = FirstReplay(socket)) {
    offset.join = replay->join;
    offset.replayed = replay->sent;
  } else if (position <= socket.since) {
    // Where nothing was committed since a join, its replay is over and the position is still that of the join.
    offset.join = socket.join + 1;
  }
  if (position < socket.told) offset.told = socket.told;
  return offset.Text();
}

// Coming and going.

void Hub::Add(realtime::Socket& connection, const chat::Resumed* resumed) {
  auto& socket = static_cast<ChatSocket&>(*connection.data());
  socket.socket = &connection;
  socket.serial = ++last_serial_;
  sockets_.emplace(socket.serial, &socket);
  auto& devices = users_[socket.caller->key];
  devices.push_back(&socket);
  services_.stats.sockets.store(sockets_.size(), std::memory_order_relaxed);
  services_.stats.users_online.store(users_.size(), std::memory_order_relaxed);
  if (devices.size() == 1) {
    for (HubWatcher* watcher : watchers_) watcher->OnUser(*socket.caller, true);
  }
  if (resumed == nullptr || resumed->rooms.empty()) return;
  socket.behind = true;
  socket.live = resumed->position;
  services_.stats.behind.fetch_add(1, std::memory_order_relaxed);
  for (const chat::Resumed::Room& room : resumed->rooms)
    Follow(socket, room.joined, room.since, room.sent, room.replaying);
  Advance(socket);
}

void Hub::Remove(ChatSocket& socket) {
  if (socket.socket == nullptr) return;
  for (HubWatcher* watcher : watchers_) watcher->OnSocketGone(socket);
  while (!socket.rooms.empty()) Unfollow(*socket.rooms.back(), false);
  if (socket.behind) services_.stats.behind.fetch_sub(1, std::memory_order_relaxed);
  sockets_.erase(socket.serial);
  const auto user = users_.find(socket.caller->key);
  std::erase(user->second, &socket);
  const bool last = user->second.empty();
  if (last) users_.erase(user);
  socket.socket = nullptr;
  services_.stats.sockets.store(sockets_.size(), std::memory_order_relaxed);
  services_.stats.users_online.store(users_.size(), std::memory_order_relaxed);
  if (last) {
    for (HubWatcher* watcher : watchers_) watcher->OnUser(*socket.caller, false);
  }
}

Follower& Hub::Follow(ChatSocket& socket, const chat::Joined& joined, chat::Position since, chat::Seq sent,
                      bool replaying) {
  HubRoom& room = rooms_[joined.room];
  if (room.key == 0) {
    room.key = joined.room;
    room.id = joined.room_id;
  }
  room.head = std::max(room.head, joined.head);
  position_ = std::max(position_, joined.position);  // after a start no commit may have come yet
  auto& follower = *socket.rooms.emplace_back(std::make_unique<Follower>());
  follower.socket = &socket;
  follower.room = &room;
  follower.sent = sent;
  follower.replaying = replaying;
  follower.since = since;
  socket.since = std::max(socket.since, since);
  follower.join = joined.number;
  socket.join = std::max(socket.join, joined.number);
  follower.place = room.followers.size();
  room.followers.push_back(&follower);
  if (replaying) ++socket.replays;
  services_.stats.followed.fetch_add(1, std::memory_order_relaxed);
  return follower;
}

void Hub::Unfollow(Follower& follower, bool answer) {
  ChatSocket& socket = *follower.socket;
  HubRoom& room = *follower.room;
  if (follower.replaying) --socket.replays;
  if (answer) {
    const std::string body = ErrorBody(Error(ErrorCode::kConflict, "the room was left before the replay was over"));
    for (auto& ack : follower.waiting) ack(realtime::RawJson{body});
  }
  Follower* last = room.followers.back();
  room.followers[follower.place] = last;
  last->place = follower.place;
  room.followers.pop_back();
  services_.stats.followed.fetch_sub(1, std::memory_order_relaxed);
  std::erase_if(socket.rooms, [&](const auto& owned) { return owned.get() == &follower; });
  DropIfUnused(room);
}

void Hub::DropIfUnused(HubRoom& room) {
  if (room.followers.empty()) rooms_.erase(room.key);
}

void Hub::Join(ChatSocket& socket, chat::Joined joined, std::optional<chat::Seq> after, realtime::AckSender ack) {
  Follower* follower = socket.Find(joined.room);
  if (follower == nullptr) {
    const chat::Seq sent = after.value_or(joined.head);
    const bool replays = sent < joined.head;
    follower = &Follow(socket, joined, replays ? joined.position : 0, sent, replays);
  } else if (after && *after > follower->sent && !follower->replaying && socket.behind) {
    follower->sent = *after;  // what it has already need not be sent again
  }
  const bool has_all = !follower->replaying && (!socket.behind || follower->sent >= follower->room->head);
  if (has_all) return AcknowledgeJoin(ack, joined.room_json, joined.head);
  if (ack) {
    if (follower->waiting.size() == kMostWaiting) {
      const Error error(ErrorCode::kRateLimited, "too many joins of this room wait for one replay: wait for its end");
      ack(realtime::RawJson{ErrorBody(error)});
    } else {
      follower->waiting.push_back(std::move(ack));
      follower->room_json = std::move(joined.room_json);
    }
  }
  Advance(socket);
}

void Hub::Leave(ChatSocket& socket, std::string_view room_id) {
  if (Follower* follower = socket.Find(room_id)) Unfollow(*follower, true);
}

void Hub::CloseSession(chat::UserKey user, std::string_view pid) {
  const auto* sockets = SocketsOf(user);
  if (sockets == nullptr) return;
  const auto found = std::ranges::find_if(*sockets, [&](const ChatSocket* socket) { return socket->pid == pid; });
  if (found != sockets->end()) (*found)->socket->Disconnect(true);
}

void Hub::EndRights(ChatSocket& socket, std::string_view code) {
  std::string object;
  json::ObjectWriter(object).Text("code", code).End();
  socket.socket->Send(Notice("SESSION_ENDED", object));
  socket.socket->Disconnect();
}

// Out of the log.

void Hub::OnDrained(ChatSocket& socket) {
  if (socket.ready) {
    const LogPage page = std::move(*socket.ready);
    socket.ready.reset();
    // It waited, and what it says may be deleted by now: it is read again.
    if (page.redactions == redactions_) SendPage(socket, page);
  }
  Advance(socket);
}

void Hub::Advance(ChatSocket& socket) {
  if (socket.reading || socket.ready) return;
  const bool replay_first = std::exchange(socket.replay_next, !socket.replay_next);
  if (replay_first && Replay(socket)) return;
  if (socket.behind && CatchUp(socket)) return;
  if (socket.replays > 0) Replay(socket);
}

// True if a page is being read now; else the socket is live.
bool Hub::CatchUp(ChatSocket& socket) {
  std::vector<chat::ReplayPlace> places;
  for (const auto& follower : socket.rooms) {
    if (!follower->replaying && follower->sent < follower->room->head) {
      places.push_back({follower->room->key, follower->sent});
    }
  }
  if (!places.empty()) {
    ReadPage(socket, std::move(places), nullptr);
    return true;
  }
  if (Full(socket)) {
    socket.socket->NotifyDrained();
    return true;
  }
  socket.behind = false;
  services_.stats.behind.fetch_sub(1, std::memory_order_relaxed);
  for (const auto& follower : socket.rooms) {
    if (!follower->replaying) AnswerWaiting(*follower);
  }
  return false;
}

Follower* Hub::FirstReplay(const ChatSocket& socket) {
  if (socket.replays == 0) return nullptr;
  const auto first = std::ranges::find_if(socket.rooms, [](const auto& follower) { return follower->replaying; });
  return first->get();
}

// True if a page is being read now. Ends the replays that are through, one after the other: offsets depend on it.
bool Hub::Replay(ChatSocket& socket) {
  while (Follower* follower = FirstReplay(socket)) {
    if (follower->sent < follower->room->head) {
      ReadPage(socket, {{follower->room->key, follower->sent}}, follower);
      return true;
    }
    // Only a live socket takes the room among the others: then they all stand at the same commit.
    if (socket.behind) {
      AnswerWaiting(*follower);
      return false;
    }
    EndReplay(*follower);
  }
  return false;
}

void Hub::EndReplay(Follower& follower) {
  follower.replaying = false;
  --follower.socket->replays;
  AnswerWaiting(follower);
}

void Hub::AnswerWaiting(Follower& follower) {
  for (auto& ack : follower.waiting) AcknowledgeJoin(ack, follower.room_json, follower.sent);
  follower.waiting.clear();
  follower.waiting.shrink_to_fit();
  follower.room_json = std::string();
}

void Hub::ReadPage(ChatSocket& socket, std::vector<chat::ReplayPlace> places, const Follower* replay) {
  socket.reading = true;
  std::unordered_map<chat::RoomKey, std::shared_ptr<const std::string>> ids;
  for (const chat::ReplayPlace& place : places) ids.emplace(place.room, FindRoom(place.room)->id);
  const chat::Position upto = position_;
  ReadThen<LogPage>(
      services_,
      [places = std::move(places), ids = std::move(ids), upto, replay = replay != nullptr ? replay->room->key : 0,
       join = replay != nullptr ? replay->join : 0, redactions = redactions_,
       bytes = services_.settings.replay_page](chat::Reader& reader) -> Result<LogPage> {
        LogPage page{{}, upto, replay, join, redactions, false};
        const auto events = reader.Missed(places, upto, bytes);
        page.events.reserve(events.size());
        std::unordered_map<chat::RoomKey, chat::QuoteSource> quotes;
        for (const eventing::StoredEvent& event : events) {
          auto& source = quotes[event.stream];
          if (!source) source = chat::QuotesOf(reader, event.stream);
          LogEvent& made = page.events.emplace_back(LogEvent{event.stream, event.version, event.position, {}});
          made.arguments.reserve(event.data.size() + 640);
          if (!chat::AppendSocketEvent(made.arguments, *ids.at(event.stream), event, source)) {
            return Fail(ErrorCode::kInternal, "event " + event.id.Text() + " is damaged; run tidings verify");
          }
        }
        page.last = page.events.empty();
        return page;
      },
      [this, serial = socket.serial](Result<LogPage> page) {
        ChatSocket* socket = Find(serial);
        if (socket == nullptr) return;
        socket->reading = false;
        if (page) return OnPage(*socket, std::move(*page));
        // The client comes back by itself, and is served from where it was.
        socket->socket->Disconnect(true);
      });
}

void Hub::OnPage(ChatSocket& socket, LogPage page) {
  if (socket.socket->pending_bytes() > services_.settings.socket_window / 2) {
    socket.ready = std::move(page);
    socket.socket->NotifyDrained();
    return;
  }
  SendPage(socket, page);
  Advance(socket);
}

void Hub::SendPage(ChatSocket& socket, const LogPage& page) {
  for (const LogEvent& event : page.events) {
    Follower* follower = socket.Find(event.room);
    // It left the room, maybe to join it again elsewhere, or it said that it has more already: the page is of before.
    if (follower == nullptr || event.seq != follower->sent + 1 || follower->replaying != (page.replay != 0)) continue;
    if (page.replay != 0 && follower->join != page.join) continue;
    follower->sent = event.seq;
    if (page.replay == 0) socket.live = event.position;
    if (!socket.recovers()) {
      socket.socket->Send(EventFrame(event.arguments));
    } else {
      const chat::Position position = page.replay == 0 ? event.position : socket.behind ? socket.live : position_;
      socket.socket->Send(EventFrame(event.arguments, OffsetOf(socket, position)));
    }
  }
  services_.stats.replayed.fetch_add(page.events.size(), std::memory_order_relaxed);
}

}  // namespace tidings::net
