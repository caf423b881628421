#include <gtest/gtest.h>

#include <future>

#include <tidings/storage/sqlite/event_store.hpp>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

// Appends one message and its send, within one commit.
class Say final : public eventing::Unit {
 public:
  explicit Say(std::promise<Status>& done) : done_(done) {}

  Status Run(eventing::Transaction& transaction) override {
    const eventing::NewEvent event(chat::event_type::kMessageCreated, Scene::Message(1, "hello").Encode(), 1);
    const auto appended = transaction.Append("room", eventing::Expected::Any(), {&event, 1});
    auto& tables = SqliteTables::Of(transaction);
    chat::RoomRow room;
    room.key = appended->stream;
    room.id = "room";
    room.head = appended->last;
    tables.PutRoom(room);
    tables.PutSend(1, "id" + std::to_string(appended->last), appended->position);
    return {};
  }
  void Done(const Status& outcome) override { done_.set_value(outcome); }

 private:
  std::promise<Status>& done_;
};

class ReadPool : public testing::Test {
 protected:
  ReadPool() {
    SqliteEventStore::Options options;
    options.folder = folder_.path() + "/store";
    options.parts = {ChatSchema()};
    store_ = std::move(*SqliteEventStore::Open(std::move(options)));
    store_->Start();
  }

  void SayOne() {
    std::promise<Status> done;
    store_->Submit(std::make_unique<Say>(done));
    ASSERT_TRUE(done.get_future().get());
  }

  TempFolder folder_;
  std::unique_ptr<SqliteEventStore> store_;
};

TEST_F(ReadPool, SeesWhatWasCommitted) {
  for (int i = 0; i < 300; ++i) SayOne();
  SqliteReadPool pool(store_->readers());
  std::promise<std::size_t> answer;
  ASSERT_TRUE(pool.Read(
      [&](chat::Reader& reader) {
        const auto room = reader.FindRoom("room");
        answer.set_value(reader.Messages(*room, {chat::PageQuery::Place::kAfter, 0, 200}).messages.size());
      },
      [&](const Error&) { answer.set_value(0); }));
  EXPECT_EQ(answer.get_future().get(), 200U);
}

TEST_F(ReadPool, TellsOfDamage) {
  SayOne();
  store_.reset();
  {
    Database database(folder_.path() + "/store/tidings.db", Database::Mode::kWriter);
    database.Execute("UPDATE events SET author = 2");
  }
  SqliteEventStore::Options options;
  options.folder = folder_.path() + "/store";
  options.parts = {ChatSchema()};
  store_ = std::move(*SqliteEventStore::Open(std::move(options)));
  SqliteReadPool pool(store_->readers());
  std::promise<std::string> answer;
  ASSERT_TRUE(pool.Read([&](chat::Reader& reader) { reader.Messages(*reader.FindRoom("room"), {}); },
                        [&](const Error& error) { answer.set_value(error.message()); }));
  EXPECT_NE(answer.get_future().get().find("damaged"), std::string::npos);
}

}  // namespace
}  // namespace tidings::sqlite
