// LocalStore: the store of a data folder, opened by a command.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>

#include <tidings/base/clock.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

namespace tidings::app {

// What a command wants of a store.
enum class Use {
  kMake,    // make it where there is none, and bring it up to date
  kChange,  // change what is there
  kRead,    // change nothing at all; Ask is not answered
};

class LocalStore {
 public:
  // kUnavailable if a server runs on the folder. But for kMake: kNotFound if there is no store, and one of an older
  // version is refused, not brought up to date.
  static Result<std::unique_ptr<LocalStore>> Open(const std::string& folder, Use use);
  ~LocalStore();

  sqlite::SqliteEventStore& events() { return *events_; }
  chat::Engine& engine() { return *engine_; }
  // Of the database, for ScratchTables.
  std::string path() const;

  // Has the engine do something and waits for its answer:
  //   store.Ask<std::string>([&](chat::Engine& engine, auto done) { engine.AddUser(id, name, std::move(done)); });
  template <class T, class Call>
  Result<T> Ask(const Call& call) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto answer = promise->get_future();
    call(*engine_, chat::Answer<T>([promise = std::move(promise)](Result<T> result) mutable {
      promise->set_value(std::move(result));
    }));
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return Fail(ErrorCode::kInternal, "the outcome is unknown; look whether it happened");
    }
  }

 private:
  explicit LocalStore(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
  std::unique_ptr<sqlite::SqliteEventStore> events_;
  std::unique_ptr<chat::Engine> engine_;
};

}  // namespace tidings::app
