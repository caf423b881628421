// The rows that belong to messages: their present state, sends, mentions, reactions, replies.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/tables.hpp>

namespace tidings::sqlite {

// States of messages, for readers and the writer.
class StateRows {
 public:
  explicit StateRows(Database& database);

  std::optional<std::string> Find(chat::RoomKey room, chat::Seq seq);
  // Those of the numbers from `first` to `last` that have one, ascending.
  std::vector<std::pair<chat::Seq, std::string>> Between(chat::RoomKey room, chat::Seq first, chat::Seq last);
  // The number of the last event about the message; 0 if there is only its message.created.
  chat::Seq LastEvent(chat::RoomKey room, chat::Seq seq);

 private:
  Statement one_;
  Statement last_event_;
  Statement between_;
};

class MessageWrites {
 public:
  explicit MessageWrites(Database& database);

  void PutState(chat::RoomKey room, chat::Seq seq, chat::Seq last_event, std::string_view record);
  std::optional<chat::Position> FindSend(chat::UserKey sender, std::string_view client_id);
  void PutSend(chat::UserKey sender, std::string_view client_id, chat::Position position);
  chat::Position SendsMark();
  void PutSendsMark(chat::Position position);
  // REQUIRES: the message's event is appended.
  void PutMention(chat::UserKey user, chat::RoomKey room, chat::Seq seq);
  void RemoveMention(chat::UserKey user, chat::RoomKey room, chat::Seq seq);
  void PutReply(chat::RoomKey room, chat::Seq parent, chat::Seq reply);
  std::vector<chat::Seq> Replies(chat::RoomKey room, chat::Seq parent);

 private:
  Statement put_state_;
  Statement find_send_;
  Statement put_send_;
  Statement sends_mark_;
  Statement put_sends_mark_;
  Statement put_mention_;
  Statement remove_mention_;
  Statement put_reply_;
  Statement replies_;
};

class ReactionRows {
 public:
  explicit ReactionRows(Database& database);

  bool Has(chat::RoomKey room, chat::Seq seq, std::string_view emoji, chat::UserKey user);
  void Put(chat::RoomKey room, chat::Seq seq, std::string_view emoji, chat::UserKey user, std::string_view user_id,
           chat::Seq place);
  void Remove(chat::RoomKey room, chat::Seq seq, std::string_view emoji, chat::UserKey user);
  void RemoveAll(chat::RoomKey room, chat::Seq seq);
  std::vector<chat::ReactionRow> Of(chat::RoomKey room, chat::Seq seq);

 private:
  Statement has_;
  Statement put_;
  Statement remove_;
  Statement remove_all_;
  Statement emojis_;
  Statement users_;
};

}  // namespace tidings::sqlite
