// Commands of sockets: which rooms they follow, and from where.
#include "writer.hpp"

#include <tidings/base/json.hpp>

namespace tidings::chat {

namespace {

constexpr Millis kSessionLife = 24LL * 60 * 60 * 1'000;
constexpr std::uint64_t kPurgedAtOnce = 1'000;

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
    const auto same = [&](const SessionRoomRow& row) { return row.room == room.row.key; };
    if (request.follows && std::ranges::any_of(tables_->SessionRooms(request.pid), same)) return false;
    return tables_->FindSession(request.pid).has_value();
  };
  if (!request.pid.empty() && wanted()) {
    tables_->PutSessionRoom(request.pid, {room.row.key, request.after.value_or(room.row.head), transaction_->Head()});
  }
  return Joined{room.row.key, room.id, room.row.head, transaction_->Head(), View(caller, room, false)};
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
  if (!request.offset.empty()) offset = Offset::Parse(request.offset);
  const bool known = session && session->user == caller.key && session->seen_at + kSessionLife > Now() && offset &&
                     offset->position <= transaction_->Head();
  if (!known) {
    SessionRow fresh{RandomToken(20), caller.key, request.socket_id, transaction_->Head(), Now()};
    tables_->PutSession(fresh);
    resumed.pid = fresh.pid;
    resumed.socket_id = fresh.socket_id;
    return resumed;
  }
  session->seen_at = Now();
  tables_->PutSession(*session);
  resumed.pid = session->pid;
  resumed.socket_id = session->socket_id;
  resumed.recovered = true;
  // An offset from before the session began says nothing of its rooms.
  if (offset->position < session->begin) offset = Offset{session->begin, {}};
  resumed.position = offset->position;
  for (const SessionRoomRow& row : tables_->SessionRooms(session->pid)) {
    RoomState* room = rooms_->Find(row.room);
    const bool permitted = room != nullptr && room->alive() &&
                           (room->row.kind == RoomKind::kPublic || room->FindMember(caller.key) != nullptr);
    if (!permitted) {
      tables_->RemoveSessionRoom(session->pid, row.room);
      continue;
    }
    Resumed::Room place;
    place.joined = {row.room, room->id, room->row.head, transaction_->Head(), {}};
    place.sent = row.from;
    const auto due_up_to = [&](Position position) {
      const auto next = transaction_->Read(row.room, place.sent + 1);
      return next && next->position <= position;
    };
    const auto replay = std::ranges::find(offset->replays, row.room, &std::pair<RoomKey, Seq>::first);
    if (replay != offset->replays.end()) {
      // Cut in the middle of the replay that a join had started, or right after it.
      place.sent = std::min(std::max(row.from, replay->second), room->row.head);
      place.since = row.joined;
      place.replaying = due_up_to(std::max(row.joined, offset->position));
    } else if (offset->position > row.joined) {
      // Offsets after the join name a place in the commits only once its replay was over.
      place.sent = std::max(row.from, SeqAt(row.room, room->row.head, offset->position));
    } else {
      // Nothing came since the join. What it was to replay lies before it in the commits.
      place.replaying = due_up_to(row.joined);
      if (place.replaying) place.since = row.joined;
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
