#include "writer.hpp"

#include <tidings/chat/trace_parent.hpp>

namespace tidings::chat {

namespace {

constexpr std::size_t kMostCachedUsers = 200'000;

}  // namespace

Engine::Writer::Writer(eventing::EventStore& store, TablesOf tables_of, Limits limits, LiveSink* sink)
    : store_(store), tables_of_(std::move(tables_of)), limits_(limits), sink_(sink) {}

void Engine::Writer::Begin(eventing::Transaction& transaction) {
  transaction_ = &transaction;
  if (tables_ != nullptr) return;
  tables_ = &tables_of_(transaction);
  rooms_.emplace(*tables_);
  sends_.emplace(*tables_);
  projection_.emplace(
      *tables_, *rooms_, [this](RoomKey room, Seq seq) { return transaction_->Read(room, seq); }, &*sends_);
}

void Engine::Writer::BeforeCommit(eventing::Transaction& transaction) {
  Begin(transaction);
  rooms_->Flush();
  sends_->Settle(transaction);
  for (Late* late : late_) late->Decide(*this);
  late_.clear();
  live_->head = transaction.Head();
}

void Engine::Writer::AfterCommit(bool) {
  if (rooms_) rooms_->Trim();
  if (users_.size() > kMostCachedUsers) {
    users_.clear();
    user_keys_.clear();
  }
  const bool news = !live_->events.empty() || !live_->reads.empty() || !live_->suspended.empty();
  if (news && sink_ != nullptr) sink_->Publish(std::move(live_));
  if (news) live_ = std::make_shared<LiveBatch>();
}

void Engine::Writer::AfterRollback() {
  if (rooms_) rooms_->Clear();
  if (sends_) sends_->Forget();
  users_.clear();
  user_keys_.clear();
  next_join_ = joins_taken_ = 0;
  late_.clear();
  live_ = std::make_shared<LiveBatch>();
}

// Users.

const UserRow& Engine::Writer::Remember(UserRow row) {
  user_keys_[row.id] = row.key;
  return users_[row.key] = std::move(row);
}

const UserRow* Engine::Writer::FindUser(std::string_view id) {
  if (const auto known = user_keys_.find(std::string(id)); known != user_keys_.end()) return FindUser(known->second);
  auto row = tables_->FindUser(id);
  return row ? &Remember(std::move(*row)) : nullptr;
}

const UserRow* Engine::Writer::FindUser(UserKey key) {
  if (const auto known = users_.find(key); known != users_.end()) return &known->second;
  auto row = tables_->FindUser(key);
  return row ? &Remember(std::move(*row)) : nullptr;
}

const UserRow& Engine::Writer::EnsureUser(std::string_view id, std::string_view name) {
  if (const UserRow* known = FindUser(id)) return *known;
  UserRow row;
  row.id = id;
  row.name = name;
  row.created_at = Now();
  row.key = tables_->InsertUser(row);
  return Remember(std::move(row));
}

Status Engine::Writer::CheckActive(const Caller& caller) {
  const UserRow* user = FindUser(caller.key);
  if (user == nullptr || user->suspended) {
    return Fail(ErrorCode::kUnauthorized, "this user is suspended; ask an administrator");
  }
  return {};
}

// Rooms.

Result<RoomState*> Engine::Writer::ReadableRoom(const Caller& caller, std::string_view id) {
  if (auto active = CheckActive(caller); !active) return std::unexpected(active.error());
  RoomState* room = rooms_->Find(id);
  const bool readable = room != nullptr && room->alive() &&
                        (room->row.kind == RoomKind::kPublic || room->FindMember(caller.key) != nullptr);
  if (!readable) return Fail(ErrorCode::kNotFound, "there is no such room, or you are not a member of it");
  return room;
}

Result<RoomState*> Engine::Writer::MemberRoom(const Caller& caller, std::string_view id) {
  auto room = ReadableRoom(caller, id);
  if (room && (*room)->FindMember(caller.key) == nullptr) {
    return Fail(ErrorCode::kForbidden, "only members may do this; join the public room first");
  }
  return room;
}

Result<RoomState*> Engine::Writer::ManagedRoom(const Caller& caller, std::string_view id) {
  auto room = MemberRoom(caller, id);
  if (room && (*room)->FindMember(caller.key)->role == Role::kMember) {
    return Fail(ErrorCode::kForbidden, "only the owner and admins of the room may do this");
  }
  return room;
}

std::string Engine::Writer::View(const Caller& caller, RoomState& room, bool with_visible) {
  RoomView view{.room = room.row, .member = room.FindMember(caller.key)};
  if (view.member != nullptr) {
    const Seq past = std::max(view.member->read, view.member->joined);
    if (past < room.row.head) {
      view.unread = tables_->Unread(room.row.key, caller.key, past);
      view.mentions = tables_->Mentions(room.row.key, caller.key, past);
    }
  }
  std::vector<std::string> visible;
  if (with_visible) {
    if (room.row.last) {
      for (const UserKey user : *room.People()) {
        if (room.FindMember(user)->joined > room.row.last->seq) continue;
        if (const UserRow* row = FindUser(user)) visible.push_back(row->id);
      }
    }
    view.visible = &visible;
  }
  std::string out;
  AppendRoomView(out, view);
  return out;
}

// The log.

eventing::StoredEvent Engine::Writer::Store(std::string_view room_id, Seq head, std::string_view type, const Caller& by,
                                            std::string data) {
  eventing::StoredEvent event;
  event.id = transaction_->NextId();
  event.type = type;
  event.at = Now();
  event.author = by.key;
  eventing::NewEvent fresh(type, WithTraceParent(std::move(data), by.trace_parent), by.key);
  const auto appended = transaction_->Append(room_id, eventing::Expected::At(head), std::span(&fresh, 1));
  if (!appended) throw eventing::StoreFailure(appended.error().Within("room " + std::string(room_id)));
  event.stream = appended->stream;
  event.version = appended->last;
  event.position = appended->position;
  event.data = std::move(fresh.data);
  return event;
}

void Engine::Writer::Append(std::string_view room_id, Seq head, std::string_view type, const Caller& by,
                            const RoomRecord& record) {
  const auto event = Store(room_id, head, type, by, record.Encode());
  // A room that is deleted has none any more.
  std::shared_ptr<const RoomPeople> people;
  if (type == event_type::kRoomDeleted) people = rooms_->Find(event.stream)->People();
  projection_->Apply(event, room_id, record);
  Publish(*rooms_->Find(event.stream), event, &record, nullptr, std::move(people));
}

eventing::StoredEvent Engine::Writer::Append(RoomState& room, std::string_view type, const Caller& by,
                                             MessageRecord& record) {
  auto event = Store(*room.id, room.row.head, type, by, record.Encode());
  if (type == event_type::kMessageCreated) CompleteCreated(record, event);
  if (type == event_type::kMessageDeleted) {
    // Nothing of what the message said stays in its earlier events.
    if (const auto before = projection_->Current(room.row.key, record.seq)) {
      projection_->ForgetMentions(room.row.key, *before);
    }
    for (Seq seq = record.previous; seq != 0;) {
      const auto earlier = transaction_->Read(room.row.key, seq);
      if (!earlier) break;
      const auto old = MessageOf(*earlier);
      if (!old) break;
      MessageRecord tombstone = record;
      tombstone.reason = old->reason;
      tombstone.previous = old->previous;
      tombstone.by = old->by;
      tombstone.by_key = old->by_key;
      tombstone.emoji = old->emoji;
      tombstone.reaction_removed = old->reaction_removed;
      const bool created = earlier->type == event_type::kMessageCreated;
      if (created) tombstone.id.clear();
      transaction_->Redact(room.row.key, seq, WithTraceParent(tombstone.Encode(), TraceParentOf(*earlier)));
      seq = created ? 0 : old->previous;
    }
  }
  projection_->Apply(event, record);
  record.reply_json = record.reply_seq == 0 ? std::string() : QuoteOf(room.row.key, record.reply_seq);
  Publish(room, event, nullptr, &record);
  return event;
}

void Engine::Writer::Publish(RoomState& room, const eventing::StoredEvent& event, const RoomRecord* change,
                             const MessageRecord* message, std::shared_ptr<const RoomPeople> people) {
  if (sink_ == nullptr) return;
  LiveEvent live;
  live.position = event.position;
  live.room = room.row.key;
  live.room_id = room.id;
  live.seq = event.version;
  live.author = event.author;
  live.message = change == nullptr;
  live.redacts = event.type == event_type::kMessageDeleted;
  live.arguments.reserve(event.data.size() + 640);
  if (message != nullptr) {
    AppendMessageEvent(live.arguments, *room.id, event.type, event.version, *message);
  } else {
    AppendSocketEvent(live.arguments, *room.id, event, {});
  }
  live.people = people ? std::move(people) : room.People();
  live.room_public = room.row.kind == RoomKind::kPublic;
  live.room_deleted = !room.alive();
  if (change != nullptr) {
    live.left = change->left_keys;
    for (const auto* keys : {&change->joined_keys, &change->left_keys, &change->updated_keys}) {
      live.concerned.insert(live.concerned.end(), keys->begin(), keys->end());
    }
  }
  live_->events.push_back(std::move(live));
}

}  // namespace tidings::chat
