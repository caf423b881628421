// Who has seen the messages of a page.
#pragma once

#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/reader.hpp>

#include "user_rows.hpp"

namespace tidings::sqlite {

class SeenRows {
 public:
  explicit SeenRows(Database& database);

  std::vector<chat::Seen> Of(chat::RoomKey room, const std::vector<chat::MessageRecord>& messages);

 private:
  UserRows& users_;
  Statement readers_;
};

}  // namespace tidings::sqlite
