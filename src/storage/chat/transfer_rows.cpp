#include <tidings/storage/chat/transfer_rows.hpp>

#include "user_rows.hpp"

namespace tidings::sqlite {

struct TransferRows::Statements {
  explicit Statements(Database& database)
      : users(database, "SELECT key FROM users WHERE key > ?1 ORDER BY key LIMIT ?2"),
        reads(database,
              "SELECT room, rooms.id, user, read FROM members JOIN rooms ON rooms.key = members.room "
              "WHERE (room, user) > (?1, ?2) AND read > 0 ORDER BY room, user LIMIT ?3"),
        room_id(database, "SELECT name FROM streams WHERE key = ?1") {}
  Statement users;
  Statement reads;
  Statement room_id;
};

TransferRows::TransferRows(Database& database)
    : database_(database), statements_(std::make_unique<Statements>(database)) {}
TransferRows::~TransferRows() = default;

std::vector<chat::UserRow> TransferRows::Users(chat::UserKey after, std::size_t limit) {
  std::vector<chat::UserRow> users;
  auto& rows = database_.Slot<UserRows>();
  for (Rows keys = statements_->users.Query(after, limit); keys.Next();) {
    if (auto user = rows.Find(chat::UserKey(keys.Whole(0)))) users.push_back(std::move(*user));
  }
  return users;
}

std::vector<ReadPosition> TransferRows::ReadPositions(const ReadPosition& after, std::size_t limit) {
  std::vector<ReadPosition> positions;
  for (Rows rows = statements_->reads.Query(after.room, after.user, limit); rows.Next();) {
    positions.push_back({rows.Whole(0), std::string(rows.Text(1)), rows.Whole(2), rows.Whole(3)});
  }
  return positions;
}

std::string TransferRows::RoomId(chat::RoomKey room) {
  Rows rows = statements_->room_id.Query(room);
  return rows.Next() ? std::string(rows.Text(0)) : std::string();
}

}  // namespace tidings::sqlite
