#include <algorithm>

#include "message_rows.hpp"

namespace tidings::sqlite {

using chat::ReactionRow;
using chat::RoomKey;
using chat::Seq;
using chat::UserKey;

namespace {

constexpr int kShownUsers = 50;

}  // namespace

// Counting walks the primary key alone; users are read for the few that are shown.
ReactionRows::ReactionRows(Database& database)
    : has_(database, "SELECT 1 FROM reactions WHERE room = ?1 AND seq = ?2 AND emoji = ?3 AND user = ?4"),
      put_(database,
           "INSERT INTO reactions (room, seq, emoji, place, user, user_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
           "ON CONFLICT (room, seq, emoji, user) DO NOTHING"),
      remove_(database, "DELETE FROM reactions WHERE room = ?1 AND seq = ?2 AND emoji = ?3 AND user = ?4"),
      remove_all_(database, "DELETE FROM reactions WHERE room = ?1 AND seq = ?2"),
      emojis_(database,
              "SELECT emoji, count(*), min(place) FROM reactions WHERE room = ?1 AND seq = ?2 GROUP BY emoji"),
      users_(
          database,
          "SELECT user_id FROM reactions WHERE room = ?1 AND seq = ?2 AND emoji = ?3 ORDER BY place, user LIMIT ?4") {}

bool ReactionRows::Has(RoomKey room, Seq seq, std::string_view emoji, UserKey user) {
  return has_.Number(room, seq, emoji, user).has_value();
}

void ReactionRows::Put(RoomKey room, Seq seq, std::string_view emoji, UserKey user, std::string_view user_id,
                       Seq place) {
  put_.Execute(room, seq, emoji, place, user, user_id);
}

void ReactionRows::Remove(RoomKey room, Seq seq, std::string_view emoji, UserKey user) {
  remove_.Execute(room, seq, emoji, user);
}

void ReactionRows::RemoveAll(RoomKey room, Seq seq) { remove_all_.Execute(room, seq); }

std::vector<ReactionRow> ReactionRows::Of(RoomKey room, Seq seq) {
  struct Found {
    Seq first;
    ReactionRow row;
  };
  std::vector<Found> found;
  for (Rows rows = emojis_.Query(room, seq); rows.Next();) {
    found.push_back({rows.Whole(2), {std::string(rows.Text(0)), rows.Whole(1), {}}});
  }
  std::ranges::sort(found, {}, &Found::first);
  std::vector<ReactionRow> reactions;
  for (Found& one : found) {
    for (Rows rows = users_.Query(room, seq, one.row.emoji, kShownUsers); rows.Next();) {
      one.row.users.emplace_back(rows.Text(0));
    }
    reactions.push_back(std::move(one.row));
  }
  return reactions;
}

}  // namespace tidings::sqlite
