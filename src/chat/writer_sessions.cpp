// Commands of sockets: which rooms they follow, and from where.
#include "writer.hpp"

#include <algorithm>

#include <tidings/base/json.hpp>

namespace tidings::chat {

namespace {

constexpr Millis kSessionLife = 24LL * 60 * 60 * 1'000;
constexpr Millis kSeenEvery = 10LL * 60 * 1'000;
constexpr std::uint64_t kPurgedAtOnce = 1'000;
constexpr std::uint64_t kPurgedByOne = 4;
// Of one user; the ones not seen for longest end.
constexpr std::uint64_t kMostSessions = 1'000;
constexpr std::size_t kMostShown = 100;  // an offset of ours is shorter
constexpr JoinNumber kJoinsAtOnce = 1'000'000;

}  // namespace

Result<Joined> Engine::Writer::Join(const Caller& caller, const JoinRequest& request) {
  auto found = ReadableRoom(caller, request.room);
  if (!found) return std::unexpected(found.error());
  RoomState& room = **found;
  if (request.after && *request.after > room.row.head) {
    return Fail(ErrorCode::kInvalid, "\"after\" is above the room's head, " + std::to_string(room.row.head));
  }
  // A socket that follows the room goes on from where it is, as its session does, unless that was left meanwhile. A
  // client that has gone since may have ended its session in this commit already.
  const auto wanted = [&] {
    if (request.follows) {
      const auto row = tables_->FindSessionRoom(request.pid, room.row.key);
      if (row && row->left == 0) return false;
    }
    return tables_->FindSession(request.pid).has_value();
  };
  JoinNumber number = 0;
  if (!request.pid.empty() && wanted()) {
    number = NextJoin();
    const Seq from = request.after.value_or(room.row.head);
    tables_->PutSessionRoom(request.pid, {room.row.key, from, transaction_->Head(), number, 0});
  }
  return Joined{room.row.key, room.id, room.row.head, transaction_->Head(), number, View(caller, room, false)};
}

// Numbers are taken from the store many at once. They begin at the time, so that a store that was copied back does not
// give again what clients know from before.
JoinNumber Engine::Writer::NextJoin() {
  if (next_join_ == joins_taken_) {
    next_join_ = std::max<JoinNumber>(tables_->JoinsMark(), static_cast<JoinNumber>(Now()));
    joins_taken_ = next_join_ + kJoinsAtOnce;
    tables_->PutJoinsMark(joins_taken_);
  }
  return ++next_join_;
}

Result<std::string> Engine::Writer::Leave(const std::string& room_id, const std::string& pid) {
  if (!pid.empty()) {
    if (RoomState* room = rooms_->Find(room_id)) tables_->RemoveSessionRoom(pid, room->row.key);
  }
  std::string out;
  json::ObjectWriter(out).Text("roomId", room_id).End();
  return out;
}

// Number of the room's newest event at or before the position; 0 if there is none.
Seq Engine::Writer::SeqAt(RoomKey room, Seq head, Position position) {
  Seq low = 0;
  while (low < head) {
    const Seq middle = low + (head - low + 1) / 2;
    const auto event = transaction_->Read(room, middle);
    if (event && event->position <= position) {
      low = middle;
    } else {
      head = middle - 1;
    }
  }
  return low;
}

Result<Resumed> Engine::Writer::Resume(const Caller& caller, const ResumeRequest& request) {
  if (auto active = CheckActive(caller); !active) return std::unexpected(active.error());
  Resumed resumed;
  resumed.position = transaction_->Head();
  auto session = request.pid.empty() || request.pid.size() > 64 ? std::nullopt : tables_->FindSession(request.pid);
  std::optional<Offset> offset = Offset{};
  // What it showed as its session began is of another one, and still its last: it has received nothing since.
  const bool stale = session && request.offset == session->shown;
  if (!request.offset.empty() && !stale) offset = Offset::Parse(request.offset);
  const bool known = session && session->user == caller.key && session->seen_at + kSessionLife > Now() && offset &&
                     offset->position <= transaction_->Head();
  if (!known) {
    SessionRow fresh{RandomToken(20), caller.key, request.socket_id, transaction_->Head(), Now(), {}};
    fresh.shown = request.offset.substr(0, kMostShown);
    tables_->PutSession(fresh);
    tables_->TrimSessions(caller.key, kMostSessions);
    tables_->PurgeSessions(Now() - kSessionLife, kPurgedByOne);
    resumed.pid = fresh.pid;
    resumed.socket_id = fresh.socket_id;
    return resumed;
  }
  // Not at each coming: where the disk is full, what writes nothing is let in.
  if (session->seen_at + kSeenEvery < Now()) {
    session->seen_at = Now();
    tables_->PutSession(*session);
  }
  resumed.pid = session->pid;
  resumed.socket_id = session->socket_id;
  resumed.recovered = true;
  // An offset from before the session began says nothing of its rooms.
  if (offset->position < session->begin) offset = Offset{session->begin, 0, std::nullopt, 0};
  resumed.position = offset->position;
  auto rows = tables_->SessionRooms(session->pid);
  std::ranges::sort(rows, {}, &SessionRoomRow::number);
  for (SessionRoomRow& row : rows) {
    RoomState* room = rooms_->Find(row.room);
    const bool permitted = room != nullptr && room->alive() &&
                           (room->row.kind == RoomKind::kPublic || room->FindMember(caller.key) != nullptr);
    // A socket that was told of its leaving follows the room no more, whatever came after. One that was away has it back
    // with all that it missed.
    const bool told = row.left != 0 && std::max(offset->position, offset->told) >= row.left;
    if (!permitted || told) {
      tables_->RemoveSessionRoom(session->pid, row.room);
      continue;
    }
    if (row.left != 0) {
      row.left = 0;
      tables_->PutSessionRoom(session->pid, row);
    }
    Resumed::Room place;
    place.joined = {row.room, room->id, room->row.head, transaction_->Head(), row.number, {}};
    place.sent = row.from;
    // What a join was to replay lies before it in the commits.
    const auto first = transaction_->Read(row.room, row.from + 1);
    const bool replays = first && first->position <= row.joined;
    const bool over = offset->join != 0 ? row.number < offset->join : offset->position > row.joined;
    if (replays) place.since = row.joined;
    if (!replays || over) {
      place.sent = std::max(row.from, SeqAt(row.room, room->row.head, offset->position));
    } else {
      place.replaying = true;  // it may have all: the hub ends the replay then
      if (row.number == offset->join && offset->replayed) {
        place.sent = std::min(std::max(row.from, *offset->replayed), room->row.head);
      }
    }
    resumed.rooms.push_back(std::move(place));
  }
  return resumed;
}

Result<bool> Engine::Writer::EndSession(const std::string& pid) {
  tables_->RemoveSession(pid);
  return true;
}

// By the log's time, as Resume: a wall clock that was set back must not make them old.
Result<bool> Engine::Writer::KeepSessions(const std::vector<std::string>& pids) {
  const Millis now = Now();
  for (const std::string& pid : pids) {
    if (auto session = tables_->FindSession(pid)) {
      session->seen_at = now;
      tables_->PutSession(*session);
    }
  }
  tables_->PurgeSessions(now - kSessionLife, kPurgedAtOnce);
  return true;
}

Result<bool> Engine::Writer::KeepCheckpoint(const std::string& reader, Position position) {
  tables_->PutCheckpoint(reader, position);
  return true;
}

Result<bool> Engine::Writer::KeepQueues(const QueueChanges& changes) {
  tables_->PutQueues(changes);
  return true;
}

}  // namespace tidings::chat
