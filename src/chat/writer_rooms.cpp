// Commands about rooms and their members.
#include "writer.hpp"

namespace tidings::chat {

namespace {

RoomRecord RecordOf(const Caller& by, const RoomRow& room) {
  RoomRecord record;
  record.by = by.id;
  record.kind = room.kind;
  record.name = room.name;
  record.creator = room.creator_id;
  record.created_at = room.created_at;
  return record;
}

std::size_t CountOwners(const RoomState& room) {
  return static_cast<std::size_t>(
      std::ranges::count_if(room.members, [](const auto& member) { return member.second.role == Role::kOwner; }));
}

Error DirectStays() {
  return Error(ErrorCode::kForbidden, "a direct room has exactly its two members for as long as it exists");
}

}  // namespace

Status Engine::Writer::CheckRoomsOf(const Caller& caller) {
  if (tables_->CountRoomsOf(caller.key) < limits_.rooms_per_user) return {};
  return Fail(ErrorCode::kForbidden,
              "you are in " + std::to_string(limits_.rooms_per_user) + " rooms, the most there may be");
}

Error Engine::Writer::TooManyMembers() const {
  return Error(ErrorCode::kInvalid, "a room has at most " + std::to_string(limits_.members_per_room) + " members");
}

Result<Engine::Created> Engine::Writer::CreateRoom(const Caller& caller, const RoomDraft& draft) {
  if (auto active = CheckActive(caller); !active) return std::unexpected(active.error());
  std::vector<std::string> others;
  for (const std::string& id : draft.members) {
    if (id != caller.id) others.push_back(id);
  }
  const bool direct = draft.kind == RoomKind::kDirect;
  if (direct && others.size() != 1) {
    return Fail(ErrorCode::kInvalid, "\"members\": a direct room needs exactly one other user");
  }
  RoomState* existing = draft.id.empty() ? nullptr : rooms_->Find(draft.id);
  const UserRow* partner = direct ? FindUser(others.front()) : nullptr;
  if (existing != nullptr) {
    const RoomRow& row = existing->row;
    const bool same_pair = direct && partner != nullptr && existing->FindMember(caller.key) != nullptr &&
                           existing->FindMember(partner->key) != nullptr;
    const MemberRow* member = existing->FindMember(caller.key);
    const bool own = member != nullptr && (row.creator == caller.key || member->role == Role::kOwner);
    const bool same = existing->alive() && row.kind == draft.kind && (direct ? same_pair : own);
    if (!same) return Fail(ErrorCode::kConflict, "\"_id\": another room has this id, or had it");
    return Created{View(caller, *existing, true), false};
  }
  if (partner != nullptr) {
    const auto key = tables_->FindDirect(std::min(caller.key, partner->key), std::max(caller.key, partner->key));
    if (key) {
      // The room may be newer than its row.
      if (RoomState* room = rooms_->Find(*key)) return Created{View(caller, *room, true), false};
    }
  }
  if (auto room_left = CheckRoomsOf(caller); !room_left) return std::unexpected(room_left.error());
  if (others.size() + 1 > limits_.members_per_room) return std::unexpected(TooManyMembers());

  RoomRecord record;
  record.by = record.creator = caller.id;
  record.kind = draft.kind;
  record.name = draft.name;
  record.created_at = Now();
  record.joined.push_back({caller.id, Role::kOwner});
  record.joined_keys.push_back(caller.key);
  for (const std::string& id : others) {
    record.joined.push_back({id, Role::kMember});
    record.joined_keys.push_back(EnsureUser(id).key);
  }
  const std::string id = draft.id.empty() ? Uuid::Random(Now()).Text() : draft.id;
  Append(id, 0, event_type::kRoomCreated, caller, record);
  return Created{View(caller, *rooms_->Find(id), true), true};
}

Result<std::string> Engine::Writer::RenameRoom(const Caller& caller, const std::string& id, const std::string& name) {
  auto room = ManagedRoom(caller, id);
  if (!room) return std::unexpected(room.error());
  if ((*room)->row.name != name) {
    RoomRecord record = RecordOf(caller, (*room)->row);
    record.name = name;
    Append(id, (*room)->row.head, event_type::kRoomUpdated, caller, record);
  }
  return View(caller, **room, true);
}

Result<std::string> Engine::Writer::DeleteRoom(const Caller& caller, const std::string& id) {
  auto room = MemberRoom(caller, id);
  if (!room) return std::unexpected(room.error());
  if ((*room)->FindMember(caller.key)->role != Role::kOwner) {
    return Fail(ErrorCode::kForbidden, "only the owner may delete the room");
  }
  RoomRecord record = RecordOf(caller, (*room)->row);
  record.deleted_at = Now();
  Append(id, (*room)->row.head, event_type::kRoomDeleted, caller, record);
  return View(caller, **room, true);
}

Result<std::string> Engine::Writer::AddMembers(const Caller& caller, const std::string& id,
                                               const std::vector<std::string>& users) {
  auto found = ReadableRoom(caller, id);
  if (!found) return std::unexpected(found.error());
  RoomState& room = **found;
  if (room.row.kind == RoomKind::kDirect) return std::unexpected(DirectStays());
  const bool only_self = room.row.kind == RoomKind::kPublic && users.size() == 1 && users.front() == caller.id;
  if (!only_self) {
    if (auto managed = ManagedRoom(caller, id); !managed) return std::unexpected(managed.error());
  }
  std::vector<std::string> fresh;
  for (const std::string& user : users) {
    const UserRow* row = FindUser(user);
    if (row == nullptr || room.FindMember(row->key) == nullptr) fresh.push_back(user);
  }
  if (room.members.size() + fresh.size() > limits_.members_per_room) {
    return std::unexpected(TooManyMembers());
  }
  // Whoever is added by others is not asked: that would cost a count for each of thousands.
  if (only_self && !fresh.empty()) {
    if (auto room_left = CheckRoomsOf(caller); !room_left) return std::unexpected(room_left.error());
  }
  if (!fresh.empty()) {
    RoomRecord record = RecordOf(caller, room.row);
    for (const std::string& user : fresh) {
      record.joined.push_back({user, Role::kMember});
      record.joined_keys.push_back(EnsureUser(user).key);
    }
    Append(id, room.row.head, event_type::kMemberJoined, caller, record);
  }
  std::string out = "[";
  for (const std::string& user : users) {
    if (out.size() > 1) out += ',';
    AppendMember(out, user, *room.FindMember(FindUser(user)->key));
  }
  return out + ']';
}

Result<std::string> Engine::Writer::RemoveMember(const Caller& caller, const std::string& id, const std::string& user) {
  auto found = MemberRoom(caller, id);
  if (!found) return std::unexpected(found.error());
  RoomState& room = **found;
  if (room.row.kind == RoomKind::kDirect) return std::unexpected(DirectStays());
  const UserRow* row = FindUser(user);
  const MemberRow* target = row == nullptr ? nullptr : room.FindMember(row->key);
  const Role own = room.FindMember(caller.key)->role;
  if (user != caller.id) {
    if (own == Role::kMember) return Fail(ErrorCode::kForbidden, "only the owner and admins may remove members");
    if (target == nullptr) return Fail(ErrorCode::kNotFound, "this user is not a member of the room");
    if (target->role == Role::kOwner && own != Role::kOwner) {
      return Fail(ErrorCode::kForbidden, "an admin may not remove an owner");
    }
  }
  if (target->role == Role::kOwner && CountOwners(room) == 1) {
    return Fail(ErrorCode::kConflict,
                "the last owner cannot leave: make another member owner first, or delete the room");
  }
  RoomRecord record = RecordOf(caller, room.row);
  record.left.push_back({user, target->role});
  record.left_keys.push_back(target->user);
  const UserKey left = target->user;
  Append(id, room.row.head, event_type::kMemberLeft, caller, record);
  tables_->LeaveSessionRooms(left, room.row.key, transaction_->Head());
  return std::string("null");
}

Result<std::string> Engine::Writer::SetRole(const Caller& caller, const std::string& id, const std::string& user,
                                            Role role) {
  auto found = ManagedRoom(caller, id);
  if (!found) return std::unexpected(found.error());
  RoomState& room = **found;
  const UserRow* row = FindUser(user);
  const MemberRow* target = row == nullptr ? nullptr : room.FindMember(row->key);
  if (target == nullptr) return Fail(ErrorCode::kNotFound, "this user is not a member of the room");
  const bool owner = room.FindMember(caller.key)->role == Role::kOwner;
  if (!owner && (role == Role::kOwner || target->role == Role::kOwner)) {
    return Fail(ErrorCode::kForbidden, "only an owner may make or change owners");
  }
  if (target->role == Role::kOwner && role != Role::kOwner && CountOwners(room) == 1) {
    return Fail(ErrorCode::kConflict, "the room needs an owner: make another member owner first");
  }
  if (target->role != role) {
    RoomRecord record = RecordOf(caller, room.row);
    record.updated.push_back({user, role});
    record.updated_keys.push_back(target->user);
    Append(id, room.row.head, event_type::kMemberUpdated, caller, record);
  }
  std::string out;
  AppendMember(out, user, *room.FindMember(row->key));
  return out;
}

}  // namespace tidings::chat
