// Messages as they are now: the state that later events gave them, else their own event.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/storage/sqlite/event_rows.hpp>

#include "message_rows.hpp"

namespace tidings::sqlite {

class History {
 public:
  explicit History(Database& database);

  chat::MessagePage Messages(const chat::RoomRow& room, const chat::PageQuery& query);
  chat::MessagePage Thread(const chat::RoomRow& room, chat::Seq parent, const chat::PageQuery& query);
  std::optional<chat::MessageRecord> Find(chat::RoomKey room, std::string_view message_id);
  std::optional<chat::MessageRecord> At(chat::RoomKey room, chat::Seq seq);
  chat::Seq LastEventOf(chat::RoomKey room, chat::Seq seq);
  std::optional<chat::MessageRecord> AsOf(chat::RoomKey room, chat::Seq event);

 private:
  chat::MessageRecord FromState(chat::RoomKey room, chat::Seq seq, std::string_view state);
  std::optional<chat::MessageRecord> FromLog(chat::RoomKey room, chat::Seq seq);
  std::optional<eventing::StoredEvent> EventOf(std::string_view message_id);

  Database& database_;
  EventRows& events_;
  StateRows states_;
  Statement imported_;
};

}  // namespace tidings::sqlite
