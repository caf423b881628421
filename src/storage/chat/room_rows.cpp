#include "room_rows.hpp"

namespace tidings::sqlite {

namespace {

#define TIDINGS_ROOM_COLUMNS                                                                                        \
  "key, head, members, kind, created_at, updated_at, deleted_at, last_at, last_seq, creator, pair_low, pair_high, " \
  "id, name, creator_id, last_id, last_sender, last_type, last_value"

chat::RoomRow RoomOf(const Rows& rows) {
  chat::RoomRow room;
  room.key = rows.Whole(0);
  room.head = rows.Whole(1);
  room.members = rows.Whole(2);
  room.kind = static_cast<chat::RoomKind>(rows.Int(3));
  room.created_at = rows.Int(4);
  room.updated_at = rows.Int(5);
  room.deleted_at = rows.Int(6);
  if (!rows.Null(7)) {
    room.last.emplace();
    room.last->at = rows.Int(7);
    room.last->seq = rows.Whole(8);
    room.last->id = rows.Text(15);
    room.last->sender = rows.Text(16);
    room.last->type = rows.Text(17);
    room.last->value = rows.Text(18);
  }
  room.creator = rows.Whole(9);
  room.pair_low = rows.Whole(10);
  room.pair_high = rows.Whole(11);
  room.id = rows.Text(12);
  room.name = rows.Text(13);
  room.creator_id = rows.Text(14);
  return room;
}

std::optional<chat::RoomRow> OneRoom(Rows rows) {
  if (!rows.Next()) return std::nullopt;
  return RoomOf(rows);
}

// A field of the preview, or null where there is no preview.
template <class T>
auto Preview(const chat::RoomRow& room, T chat::LastMessage::* field) {
  if constexpr (std::is_same_v<T, std::string>) {
    return room.last ? std::optional<std::string_view>(*room.last.*field) : std::nullopt;
  } else {
    return room.last ? std::optional<T>(*room.last.*field) : std::nullopt;
  }
}

// Before every place in a list.
constexpr chat::RoomCursor kTop{INT64_MAX, INT64_MAX};

}  // namespace

RoomRows::RoomRows(Database& database)
    : by_id_(database, "SELECT " TIDINGS_ROOM_COLUMNS " FROM rooms WHERE id = ?1"),
      by_key_(database, "SELECT " TIDINGS_ROOM_COLUMNS " FROM rooms WHERE key = ?1"),
      direct_(database, "SELECT key FROM rooms WHERE kind = 1 AND deleted_at = 0 AND pair_low = ?1 AND pair_high = ?2"),
      keys_of_(
          database,
          "SELECT key FROM members CROSS JOIN rooms ON rooms.key = members.room WHERE user = ?1 AND "
          "deleted_at = 0 AND coalesce(last_at, created_at) <= ?2 AND (coalesce(last_at, created_at) < ?2 OR key < ?3) "
          "ORDER BY coalesce(last_at, created_at) DESC, key DESC LIMIT ?4"),
      public_(database,
              "SELECT key FROM rooms WHERE kind = 2 AND deleted_at = 0 AND "
              "coalesce(last_at, created_at) <= ?1 AND (coalesce(last_at, created_at) < ?1 OR key < ?2) AND "
              "(?3 = '' OR instr(lower(name), lower(?3)) > 0 OR instr(lower(id), lower(?3)) > 0) "
              "ORDER BY coalesce(last_at, created_at) DESC, key DESC LIMIT ?4"),
      count_of_(database,
                "SELECT count(*) FROM members CROSS JOIN rooms ON rooms.key = members.room WHERE user = ?1 AND "
                "deleted_at = 0") {}

std::optional<chat::RoomRow> RoomRows::Find(std::string_view id) { return OneRoom(by_id_.Query(id)); }

std::optional<chat::RoomRow> RoomRows::Find(chat::RoomKey key) { return OneRoom(by_key_.Query(key)); }

std::optional<chat::RoomKey> RoomRows::FindDirect(chat::UserKey low, chat::UserKey high) {
  const auto key = direct_.Number(low, high);
  if (!key) return std::nullopt;
  return static_cast<chat::RoomKey>(*key);
}

std::vector<chat::RoomKey> RoomRows::KeysOf(chat::UserKey user, std::optional<chat::RoomCursor> after,
                                            std::size_t limit) {
  const chat::RoomCursor from = after.value_or(kTop);
  std::vector<chat::RoomKey> keys;
  for (Rows rows = keys_of_.Query(user, from.active_at, from.key, limit); rows.Next();) keys.push_back(rows.Whole(0));
  return keys;
}

std::vector<chat::RoomKey> RoomRows::PublicKeys(std::string_view part, std::optional<chat::RoomCursor> after,
                                                std::size_t limit) {
  const chat::RoomCursor from = after.value_or(kTop);
  std::vector<chat::RoomKey> keys;
  for (Rows rows = public_.Query(from.active_at, from.key, part, limit); rows.Next();) keys.push_back(rows.Whole(0));
  return keys;
}

std::uint64_t RoomRows::CountOf(chat::UserKey user) {
  return static_cast<std::uint64_t>(count_of_.Number(user).value_or(0));
}

// A message moves numbers and the preview; setting no more than that leaves the indexes over the rest alone.
RoomWrites::RoomWrites(Database& database)
    : move_(database,
            "UPDATE rooms SET head = ?2, members = ?3, updated_at = ?6, last_at = ?8, last_seq = ?9, last_id = ?16, "
            "last_sender = ?17, last_type = ?18, last_value = ?19 WHERE key = ?1 AND kind = ?4 AND created_at = ?5 AND "
            "deleted_at = ?7 AND creator = ?10 AND pair_low = ?11 AND pair_high = ?12 AND id = ?13 AND name = ?14 AND "
            "creator_id = ?15"),
      put_(database,
           "INSERT INTO rooms (" TIDINGS_ROOM_COLUMNS
           ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
           "?13, ?14, ?15, ?16, ?17, ?18, ?19) ON CONFLICT (key) DO UPDATE SET head = ?2, members = ?3, kind = ?4, "
           "created_at = ?5, updated_at = ?6, deleted_at = ?7, last_at = ?8, last_seq = ?9, creator = ?10, "
           "pair_low = ?11, pair_high = ?12, id = ?13, name = ?14, creator_id = ?15, last_id = ?16, "
           "last_sender = ?17, last_type = ?18, last_value = ?19") {}

void RoomWrites::Put(const chat::RoomRow& room) {
  const auto run = [&](Statement& statement) {
    using Last = chat::LastMessage;
    return statement.Execute(room.key, room.head, room.members, room.kind, room.created_at, room.updated_at,
                             room.deleted_at, Preview(room, &Last::at), Preview(room, &Last::seq), room.creator,
                             room.pair_low, room.pair_high, room.id, room.name, room.creator_id,
                             Preview(room, &Last::id), Preview(room, &Last::sender), Preview(room, &Last::type),
                             Preview(room, &Last::value));
  };
  if (run(move_) == 0) run(put_);
}

#undef TIDINGS_ROOM_COLUMNS

}  // namespace tidings::sqlite
