// ChatStore: a real store with an engine and reading threads, in a folder of its own, for tests of what reads the log.
#pragma once

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <tidings/chat/engine.hpp>
#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>
#include <tidings/storage/sqlite/event_store.hpp>
#include <tidings/testing/temp_folder.hpp>

namespace tidings::app::testing {

class ChatStore {
 public:
  ChatStore() { Open(); }
  ~ChatStore() { Close(); }

  void Open() {
    sqlite::SqliteEventStore::Options options;
    options.folder = folder_.File("store");
    options.parts = {sqlite::ChatSchema()};
    auto opened = sqlite::SqliteEventStore::Open(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().message());
    store_ = std::move(*opened);
    engine_ = std::make_unique<chat::Engine>(*store_, sqlite::SqliteTables::Of, chat::Limits(), nullptr);
    reads_ = std::make_unique<sqlite::SqliteReadPool>(store_->readers());
    store_->AddListener(engine_->listener());
    store_->Start();
  }
  void Close() {
    if (store_) store_->Close();
    reads_.reset();
    engine_.reset();
    store_.reset();
  }

  sqlite::SqliteEventStore& store() { return *store_; }
  chat::Engine& engine() { return *engine_; }
  chat::ReadPool& reads() { return *reads_; }
  std::string path() const { return folder_.File("store"); }

  // "ann" and "ben" in a room of that id.
  void Room(const std::string& id) {
    if (ann_.id.empty())
      ann_ = Wait<chat::Caller>([&](auto done) { engine_->Admit({"ann", "ann", false, false}, std::move(done)); });
    Wait<chat::Engine::Created>(
        [&](auto done) { engine_->CreateRoom(ann_, {id, "", chat::RoomKind::kGroup, {"ben"}}, std::move(done)); });
  }
  // The message as clients see it.
  std::string Say(const std::string& room, const std::string& text) {
    chat::SendDraft draft;
    draft.room = room;
    draft.text = text;
    draft.request_hash = std::string(16, 'h');
    return Wait<std::string>([&](auto done) { engine_->Send(ann_, std::move(draft), std::move(done)); });
  }
  const chat::Caller& ann() const { return ann_; }

  template <class T, class Ask>
  T Wait(const Ask& ask) {
    auto answer = std::make_shared<std::promise<Result<T>>>();
    ask([answer](Result<T> result) { answer->set_value(std::move(result)); });
    auto result = answer->get_future().get();
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
  }

 private:
  TempFolder folder_;
  std::unique_ptr<sqlite::SqliteEventStore> store_;
  std::unique_ptr<chat::Engine> engine_;
  std::unique_ptr<sqlite::SqliteReadPool> reads_;
  chat::Caller ann_;
};

}  // namespace tidings::app::testing
