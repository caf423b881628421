// The whole of it: commands through the engine over a real store, then everything derived a second time and compared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <random>

#include <tidings/chat/engine.hpp>
#include <tidings/chat/rebuild.hpp>
#include <tidings/storage/chat/scratch_tables.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

#include "testing/scene.hpp"

namespace tidings::sqlite {
namespace {

using chat::Caller;
using chat::RoomKind;
using chat::Seq;
using chat::UserKey;

class Server {
 public:
  Server() {
    SqliteEventStore::Options options;
    options.folder = folder_.path() + "/store";
    options.parts = {ChatSchema()};
    store_ = std::move(*SqliteEventStore::Open(std::move(options)));
    engine_ = std::make_unique<chat::Engine>(*store_, SqliteTables::Of, chat::Limits(), nullptr);
    store_->AddListener(engine_->listener());
    store_->Start();
    for (const char* id : {"ann", "bob", "cat", "dan", "eve"}) {
      users_.push_back(*Wait<Caller>([&](auto done) { engine_->Admit({id, id, false, false}, std::move(done)); }));
    }
    // Two rooms that live on; the others come and go.
    for (const auto& [room, kind] : {std::pair("room0", RoomKind::kGroup), std::pair("room1", RoomKind::kPublic)}) {
      EXPECT_TRUE(Wait<chat::Engine::Created>([&](auto done) {
        engine_->CreateRoom(users_[0], {room, "", kind, {"bob", "cat", "dan", "eve"}}, std::move(done));
      }));
    }
  }
  ~Server() { store_->Close(); }

  template <class T, class Ask>
  Result<T> Wait(const Ask& ask) {
    std::promise<Result<T>> answer;
    ask([&](Result<T> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  }

  void Step(std::mt19937& random) {
    const auto pick = [&](std::size_t below) { return random() % below; };
    const Caller& caller = users_[pick(users_.size())];
    const Caller& other = users_[pick(users_.size())];
    const std::string room = "room" + std::to_string(pick(kRooms));
    const std::string message = messages_.empty() ? "none" : messages_[pick(messages_.size())];
    const auto done = [this](Result<std::string> answer) { Count(answer.has_value()); };
    switch (pick(30)) {
      case 0: {
        const auto kind = std::array{RoomKind::kGroup, RoomKind::kPublic, RoomKind::kDirect}[pick(3)];
        std::vector<std::string> members{other.id};
        if (kind != RoomKind::kDirect) members.push_back(users_[pick(users_.size())].id);
        engine_->CreateRoom(caller, {room, "a room", kind, members},
                            [this](Result<chat::Engine::Created> answer) { Count(answer.has_value()); });
        break;
      }
      case 1:
        if (room > "room2") {
          engine_->DeleteRoom(caller, room, done);
        } else {
          engine_->RenameRoom(caller, room, "name " + std::to_string(pick(9)), done);
        }
        break;
      case 2: engine_->AddMembers(caller, room, {other.id, users_[pick(users_.size())].id}, done); break;
      case 3: engine_->RemoveMember(caller, room, other.id, done); break;
      case 4: engine_->SetRole(caller, room, other.id, static_cast<chat::Role>(pick(3)), done); break;
      case 5: engine_->Edit(caller, room, message, "edited @" + other.id, done); break;
      case 6:
      case 7: engine_->Delete(caller, room, message, done); break;
      case 8:
      case 9:
      case 10: engine_->React(caller, room, message, pick(2) == 0 ? "+" : "-", pick(3) == 0, done); break;
      case 11: engine_->Read(caller, room, pick(600), 0, done); break;
      default: Send(caller, room, message, random); break;
    }
  }

  void Send(const Caller& caller, const std::string& room, const std::string& parent, std::mt19937& random) {
    chat::SendDraft draft;
    draft.room = room;
    draft.text = "hello @" + users_[random() % users_.size()].id;
    if (random() % 5 == 0) draft.reply_to = parent;
    if (random() % 2 == 0) draft.client_id = "id" + std::to_string(random() % 100'000);
    draft.request_hash = std::string(16, 'h');
    engine_->Send(caller, std::move(draft), [this](Result<std::string> answer) {
      Count(answer.has_value());
      if (!answer) return;
      const auto id = json::Parse(*answer)->as_object().at("_id").as_string();
      const auto lock = std::scoped_lock(mutex_);
      sent_.emplace_back(id);
    });
  }

  // Waits for all that was asked.
  void Settle() {
    // Whatever is answered.
    (void)Wait<std::string>([&](auto done) { engine_->AddUser("nobody", "nobody", std::move(done)); });
    const auto lock = std::scoped_lock(mutex_);
    messages_ = sent_;
  }

  std::vector<std::string> Faults() {
    ScratchTables scratch(folder_.path(), folder_.path() + "/store/tidings.db");
    chat::Rebuild rebuild(scratch.tables(), [&](auto room, auto seq) { return scratch.Read(room, seq); });
    for (chat::Position after = 0; after < scratch.Head();) {
      for (const auto& event : scratch.ReadAll(after, 100)) {
        rebuild.Apply(event, scratch.RoomId(event.stream));
        after = event.position;
      }
    }
    rebuild.Flush();
    return scratch.Compare();
  }

  // Unread and mentions of every member in every room, from the messages as they are now.
  void CheckCounts() {
    store_->readers().ReadNow([&](Database& database) {
      SqliteReader& reader = database.Slot<SqliteReader>();
      for (const Caller& user : users_) {
        for (const auto& listing : reader.RoomsOf(user.key, std::nullopt, 100)) {
          const Seq past = std::max(listing.member.read, listing.member.joined);
          std::uint64_t unread = 0;
          std::uint64_t mentions = 0;
          std::optional<Seq> newest;
          for (const auto& message : All(reader, listing.room)) {
            if (message.Tombstone()) continue;
            newest = message.seq;
            if (message.seq <= past || message.author_key == user.key) continue;
            ++unread;
            mentions += std::ranges::find(message.mentioned, user.key) != message.mentioned.end() ? 1 : 0;
          }
          EXPECT_EQ(listing.unread, unread) << listing.room.id;
          EXPECT_EQ(listing.mentions, mentions) << listing.room.id;
          EXPECT_EQ(listing.room.last ? std::optional(listing.room.last->seq) : std::nullopt, newest);
          most_ = std::max(most_, listing.room.head);
        }
      }
    });
  }

  static std::vector<chat::MessageRecord> All(SqliteReader& reader, const chat::RoomRow& room) {
    std::vector<chat::MessageRecord> all;
    while (true) {
      auto page = reader.Messages(room, {chat::PageQuery::Place::kAfter, all.empty() ? 0 : all.back().seq, 70});
      for (auto& message : page.messages) all.push_back(std::move(message));
      if (!page.has_after) return all;
    }
  }

  std::size_t done() const { return done_; }
  Seq most() const { return most_; }

 private:
  static constexpr std::size_t kRooms = 6;

  void Count(bool good) {
    if (good) ++done_;
  }

  TempFolder folder_;
  std::unique_ptr<SqliteEventStore> store_;
  std::unique_ptr<chat::Engine> engine_;
  std::vector<Caller> users_;
  std::vector<std::string> messages_;
  std::mutex mutex_;
  std::vector<std::string> sent_;
  std::atomic<std::size_t> done_{0};
  Seq most_ = 0;
};

TEST(Whole, RowsFollowFromTheLogAfterAnyCommands) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Server server;
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 1'500; ++i) {
        server.Step(random);
        if (i % 50 == 0) server.Settle();
      }
      server.Settle();
      ASSERT_THAT(server.Faults(), testing::IsEmpty()) << "round " << round;
      server.CheckCounts();
    }
    EXPECT_GT(server.done(), 1'500U);
    EXPECT_GT(server.most(), chat::kCountBlock) << "no block was closed";
  }
}

}  // namespace
}  // namespace tidings::sqlite
