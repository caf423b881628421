// Writer: the engine's side on the store's writing thread. Commands run here one after the other, inside a commit.
#pragma once

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <tidings/chat/engine.hpp>
#include <tidings/chat/room_view.hpp>

#include "projection.hpp"
#include "room_cache.hpp"

namespace tidings::chat {

// Writer's thread only, except Submit.
class Engine::Writer final : public eventing::CommitListener {
 public:
  Writer(eventing::EventStore& store, TablesOf tables_of, Limits limits, LiveSink* sink);

  void BeforeCommit(eventing::Transaction& transaction) override;
  void AfterCommit(bool wrote) override;
  void AfterRollback() override;

  enum class Kind { kWrites, kMayOnlyRead };
  // Runs `body` in a commit and answers after it. Any thread.
  template <class T>
  void Submit(std::move_only_function<Result<T>(Writer&)> body, Answer<T> done, Kind kind = Kind::kWrites);
  // The same, at the end of the commit, when all else of it has been decided.
  template <class T>
  void SubmitLate(std::move_only_function<Result<T>(Writer&)> body, Answer<T> done, Kind kind = Kind::kWrites);
  void Submit(std::vector<ReadMark> marks);
  std::uint64_t pending() const { return pending_.load(std::memory_order_relaxed); }

  // Commands. Each decides first and writes only when nothing can be refused any more.
  Result<Caller> Admit(const Bearer& bearer);
  Result<Caller> Register(const std::string& username, const std::string& hash, const std::string& name);
  Result<UserRow> FindAccount(const std::string& username);
  Result<std::string> Suspend(const std::string& user_id, bool suspended);
  Result<std::string> AddUser(const std::string& user_id, const std::string& name);
  Result<bool> SetLastSeen(const std::vector<std::pair<UserKey, Millis>>& users);

  Result<Created> CreateRoom(const Caller& caller, const RoomDraft& draft);
  Result<std::string> RenameRoom(const Caller& caller, const std::string& room, const std::string& name);
  Result<std::string> DeleteRoom(const Caller& caller, const std::string& room);
  Result<std::string> AddMembers(const Caller& caller, const std::string& room, const std::vector<std::string>& users);
  Result<std::string> RemoveMember(const Caller& caller, const std::string& room, const std::string& user);
  Result<std::string> SetRole(const Caller& caller, const std::string& room, const std::string& user, Role role);

  Result<std::string> Send(const Caller& caller, const SendDraft& draft);
  Result<std::string> Edit(const Caller& caller, const std::string& room, const std::string& id,
                           const std::string& text);
  Result<std::string> Delete(const Caller& caller, const std::string& room, const std::string& id);
  Result<std::string> React(const Caller& caller, const std::string& room, const std::string& id,
                            const std::string& emoji, bool remove);
  // The answer is empty where nobody asked for one.
  Result<std::string> Read(const ReadMark& mark);

  Result<Joined> Join(const Caller& caller, const JoinRequest& request);
  Result<std::string> Leave(const std::string& room, const std::string& pid);
  Result<Resumed> Resume(const Caller& caller, const ResumeRequest& request);
  Result<bool> EndSession(const std::string& pid);
  Result<bool> KeepSessions(const std::vector<std::string>& pids);
  Result<bool> KeepCheckpoint(const std::string& reader, Position position);
  Result<bool> KeepQueues(const QueueChanges& changes);

 private:
  template <class T>
  class Command;
  template <class T>
  class LateCommand;
  class Reads;
  class Late {
   public:
    virtual ~Late() = default;
    virtual void Decide(Writer& writer) = 0;
  };

  void Begin(eventing::Transaction& transaction);
  Millis Now() const { return transaction_->Now(); }

  // Users.
  const UserRow* FindUser(std::string_view id);
  const UserRow* FindUser(UserKey key);
  const UserRow& EnsureUser(std::string_view id, std::string_view name = {});
  const UserRow& Remember(UserRow row);
  Status CheckActive(const Caller& caller);
  // kForbidden if the caller is in as many rooms as there may be.
  Status CheckRoomsOf(const Caller& caller);
  Error TooManyMembers() const;

  // Rooms. 404 where the caller must not know of it, 403 where they lack the right.
  Result<RoomState*> ReadableRoom(const Caller& caller, std::string_view room);
  Result<RoomState*> MemberRoom(const Caller& caller, std::string_view room);
  Result<RoomState*> ManagedRoom(const Caller& caller, std::string_view room);
  std::string View(const Caller& caller, RoomState& room, bool with_visible);

  // Messages.
  struct Found {
    RoomState* room;
    MessageRecord message;  // as it is now
  };
  Result<Found> FindMessage(const Caller& caller, std::string_view room, std::string_view id);
  std::optional<eventing::StoredEvent> MessageEvent(RoomKey room, std::string_view id);
  std::string Document(RoomState& room, MessageRecord message, bool with_seen);
  std::string QuoteOf(RoomKey room, Seq seq);
  // What the text mentions and links to, into the record.
  void ReadText(RoomState& room, const std::string& text, const std::vector<std::string>& given, MessageRecord& record);
  Seq LastEventOf(RoomKey room, Seq seq);
  Seq SeqAt(RoomKey room, Seq head, Position position);
  JoinNumber NextJoin();

  // Appends one event to the room's log, derives its rows and lets those who are connected know.
  void Append(std::string_view room_id, Seq head, std::string_view type, const Caller& by, const RoomRecord& record);
  eventing::StoredEvent Append(RoomState& room, std::string_view type, const Caller& by, MessageRecord& record);
  eventing::StoredEvent Store(std::string_view room_id, Seq head, std::string_view type, const Caller& by,
                              std::string data);
  // Of `change` and `message` the one that the event is made of. To `people`, or those of the room if that is null.
  void Publish(RoomState& room, const eventing::StoredEvent& event, const RoomRecord* change,
               const MessageRecord* message, std::shared_ptr<const RoomPeople> people = nullptr);

  eventing::EventStore& store_;
  TablesOf tables_of_;
  Limits limits_;
  LiveSink* sink_;
  Tables* tables_ = nullptr;
  std::optional<RoomCache> rooms_;
  std::optional<RecentSends> sends_;
  std::optional<Projection> projection_;
  eventing::Transaction* transaction_ = nullptr;
  std::shared_ptr<LiveBatch> live_ = std::make_shared<LiveBatch>();
  std::vector<Late*> late_;
  std::unordered_map<std::string, UserKey> user_keys_;
  std::unordered_map<UserKey, UserRow> users_;
  JoinNumber next_join_ = 0;
  JoinNumber joins_taken_ = 0;
  std::atomic<std::uint64_t> pending_{0};
};

template <class T>
class Engine::Writer::Command : public eventing::Unit {
 public:
  Command(Writer& writer, std::move_only_function<Result<T>(Writer&)> body, Answer<T> done, Kind kind)
      : writer_(writer), body_(std::move(body)), done_(std::move(done)), kind_(kind) {}
  ~Command() override { writer_.pending_.fetch_sub(1, std::memory_order_relaxed); }

  Status Run(eventing::Transaction& transaction) override {
    writer_.Begin(transaction);
    result_ = body_(writer_);
    return result_ ? Status() : Status(std::unexpected(result_.error()));
  }
  bool MayOnlyRead() const override { return kind_ == Kind::kMayOnlyRead; }
  void Done(const Status& outcome) override {
    if (outcome) {
      done_(std::move(result_));
    } else {
      done_(std::unexpected(outcome.error()));
    }
  }

 protected:
  Writer& writer_;
  std::move_only_function<Result<T>(Writer&)> body_;
  Answer<T> done_;
  const Kind kind_;
  Result<T> result_ = Fail(ErrorCode::kInternal, "never ran");
};

// Decided when all other commands of its commit have been.
template <class T>
class Engine::Writer::LateCommand final : public Command<T>, public Late {
 public:
  using Command<T>::Command;

  Status Run(eventing::Transaction& transaction) override {
    this->writer_.Begin(transaction);
    this->writer_.late_.push_back(this);
    return {};
  }
  void Decide(Writer& writer) override { this->result_ = this->body_(writer); }
};

class Engine::Writer::Reads final : public eventing::Unit {
 public:
  Reads(Writer& writer, std::vector<ReadMark> marks) : writer_(writer), marks_(std::move(marks)) {}
  ~Reads() override { writer_.pending_.fetch_sub(1, std::memory_order_relaxed); }

  Status Run(eventing::Transaction& transaction) override;
  void Done(const Status& outcome) override;

 private:
  Writer& writer_;
  std::vector<ReadMark> marks_;
  std::vector<Result<std::string>> results_;
};

template <class T>
void Engine::Writer::Submit(std::move_only_function<Result<T>(Writer&)> body, Answer<T> done, Kind kind) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  store_.Submit(std::make_unique<Command<T>>(*this, std::move(body), std::move(done), kind));
}

template <class T>
void Engine::Writer::SubmitLate(std::move_only_function<Result<T>(Writer&)> body, Answer<T> done, Kind kind) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  store_.Submit(std::make_unique<LateCommand<T>>(*this, std::move(body), std::move(done), kind));
}

}  // namespace tidings::chat
