// A store in a folder of its own, with the chat's tables, that tests fill by hand over the writer's connection.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/json.hpp>
#include <tidings/chat/record.hpp>
#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../../sqlite/schema.hpp"
#include "../../sqlite/transaction.hpp"

namespace tidings::sqlite {

// Everything happens in one transaction that is open from the start.
class Scene {
 public:
  Scene() : database_(folder_.File("store.db"), Database::Mode::kWriter) {
    database_.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
    const std::array parts{ChatSchema()};
    if (const auto done = Migrate(database_, parts); !done) throw std::runtime_error(done.error().message());
    transaction_.emplace(database_, clock_);
    Begin();
  }

  Database& database() { return database_; }
  SqliteTables& tables() { return database_.Slot<SqliteTables>(); }
  SqliteReader& reader() { return database_.Slot<SqliteReader>(); }
  eventing::Transaction& transaction() { return *transaction_; }
  FakeClock& clock() { return clock_; }
  std::string path() const { return database_.path(); }

  void Begin() {
    database_.Execute("BEGIN IMMEDIATE");
    transaction_->Begin();
  }
  void Commit() {
    database_.Execute("COMMIT");
    transaction_->Committed();
  }

  chat::UserKey User(const std::string& id) {
    chat::UserRow user;
    user.id = user.name = id;
    return tables().InsertUser(user);
  }

  // Appends and closes blocks, as the domain does.
  chat::Seq Append(const std::string& room, std::string_view type, chat::UserKey author, std::string data = "x") {
    const eventing::NewEvent event(type, std::move(data), author);
    const auto appended = *transaction_->Append(room, eventing::Expected::Any(), {&event, 1});
    if ((appended.last + 1) % chat::kCountBlock == 0) {
      tables().CloseBlock(appended.stream, appended.last / chat::kCountBlock);
    }
    return appended.last;
  }

  // Makes the room with its first event.
  chat::RoomRow Room(const std::string& id, chat::RoomKind kind = chat::RoomKind::kGroup) {
    Append(id, chat::event_type::kRoomCreated, 0);
    chat::RoomRow room;
    room.key = *transaction_->FindStream(id);
    room.id = room.name = id;
    room.kind = kind;
    room.created_at = room.updated_at = transaction_->Now();
    room.head = 1;
    tables().PutRoom(room);
    return room;
  }

  static chat::MessageRecord Message(chat::UserKey author, const std::string& text) {
    chat::MessageRecord message;
    message.author = "user" + std::to_string(author);
    message.text_json = json::Quote(text);
    return message;
  }

  chat::Seq Say(const std::string& room, chat::UserKey author, const std::string& text = "hello") {
    return Append(room, chat::event_type::kMessageCreated, author, Message(author, text).Encode());
  }

  // The message as it is now, from its own event.
  chat::MessageRecord Read(const chat::RoomRow& room, chat::Seq seq) {
    return *chat::MessageOf(*transaction_->Read(room.key, seq));
  }

  // What every later event does: a state with its number.
  chat::Seq Edit(const chat::RoomRow& room, chat::Seq seq, const std::string& text) {
    chat::MessageRecord message = Read(room, seq);
    message.text_json = json::Quote(text);
    const chat::Seq event = Append(room.id, chat::event_type::kMessageUpdated, message.author_key, message.Encode());
    tables().PutMessageState(room.key, seq, event, message.Encode());
    return event;
  }

  void Delete(const chat::RoomRow& room, chat::Seq seq, bool with_event = true) {
    chat::MessageRecord message = Read(room, seq);
    message.text_json.clear();
    message.deleted_at = transaction_->Now();
    transaction_->Redact(room.key, seq, message.Encode());
    tables().AddToBlock(room.key, seq / chat::kCountBlock, message.author_key, -1);
    if (!with_event) return;
    const chat::Seq event = Append(room.id, chat::event_type::kMessageDeleted, message.author_key, message.Encode());
    tables().PutMessageState(room.key, seq, event, message.Encode());
  }

  // The row as it would be after what was appended.
  chat::RoomRow Now(chat::RoomRow room) {
    room.head = transaction_->StreamHead(room.key);
    return room;
  }

 private:
  TempFolder folder_;
  FakeClock clock_;
  Database database_;
  std::optional<WriterTransaction> transaction_;
};

// Plain pictures of rooms, recounted naively.
struct ModelMessage {
  chat::UserKey author = 0;
  bool deleted = false;
  std::set<chat::UserKey> mentioned;
};
using ModelRoom = std::map<chat::Seq, ModelMessage>;

}  // namespace tidings::sqlite
