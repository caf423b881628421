// TransferRows: what a store holds beside its log, page by page, for carrying it over to another store.
//
//   auto& rows = database.Slot<sqlite::TransferRows>();
//   for (const auto& user : rows.Users(last, 1'000)) …
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/types.hpp>

namespace tidings::sqlite {

struct ReadPosition {
  chat::RoomKey room = 0;
  std::string room_id;
  chat::UserKey user = 0;
  chat::Seq seq = 0;
};

// Reads in the connection's present transaction.
class TransferRows {
 public:
  explicit TransferRows(Database& database);
  ~TransferRows();

  // In the order of their keys, after the given one.
  std::vector<chat::UserRow> Users(chat::UserKey after, std::size_t limit);
  // Those above 0, by room and user, after the given one.
  std::vector<ReadPosition> ReadPositions(const ReadPosition& after, std::size_t limit);
  // The stream's name; empty if there is none.
  std::string RoomId(chat::RoomKey room);

 private:
  struct Statements;
  Database& database_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace tidings::sqlite
