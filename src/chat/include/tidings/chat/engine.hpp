// Engine: every change to the chat, decided where nothing else changes it, and durable when it is answered.
//
//   engine.Send(caller, draft, [](Result<std::string> message) { … });   // any thread; answered on the writer's thread
//
// Answers are the JSON of `data` in the contract. An error means: not stored, and never will be. A callback that is
// dropped without being called means that the outcome is unknown and the process is ending.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidings/chat/draft.hpp>
#include <tidings/chat/live.hpp>
#include <tidings/chat/tables.hpp>

namespace tidings::chat {

// Who asks. Made by Engine::Admit.
struct Caller {
  UserKey key = 0;
  std::string id;
  std::string name;
  bool admin = false;
  std::string trace_parent;  // of the call, see IsTraceParent; its events bear it. Empty: none
};

// What a token says of its bearer.
struct Bearer {
  std::string sub;
  std::string name;
  bool admin = false;
  bool own_account = false;  // the token was made by the server for one of its own accounts
};

// A room that a socket may now follow.
struct Joined {
  RoomKey room = 0;
  std::shared_ptr<const std::string> room_id;
  Seq head = 0;           // of the room; what is above it will be published
  Position position = 0;  // of the log
  JoinNumber number = 0;  // of a durable session's join; 0: none began
  std::string room_json;  // the room as its reader sees it
};

struct JoinRequest {
  std::string room;
  std::optional<Seq> after;
  std::string pid;       // of the socket's durable session; empty: it asked for none
  bool follows = false;  // the socket was in the room, or on its way into it, when it asked
};

// A place in the log that a recovering client names. A socket's replays run one after the other in the order of their
// joins, so one number tells of all of them.
struct Offset {
  Position position = 0;
  // The replays of joins below this number are over: their rooms stand at `position` with the others. 0: the position
  // says as much, since it is above that of every join whose replay is over.
  JoinNumber join = 0;
  // How far the replay of `join` itself has come. Those of later joins have not begun.
  std::optional<Seq> replayed;
  // Above `position`: where the user's newest membership ended that the socket was told of ahead of its place in the log.
  Position told = 0;

  std::string Text() const;
  static std::optional<Offset> Parse(std::string_view text);
};

struct ResumeRequest {
  std::string pid;        // that the client shows; empty: a new session
  std::string offset;     // that the client shows; may be empty
  std::string socket_id;  // for a new session
};

struct Resumed {
  std::string pid;
  std::string socket_id;
  bool recovered = false;
  Position position = 0;  // the socket has everything of the rooms that do not replay up to here
  struct Room {
    Joined joined;
    Seq sent = 0;            // the socket has everything up to here
    bool replaying = false;  // it is still in a replay of its own, see Offset
    Position since = 0;      // of the log, as the join began a replay; 0: none did
  };
  std::vector<Room> rooms;   // in the order of their joins
};

template <class T>
using Answer = std::move_only_function<void(Result<T>)>;

// How far a member has read a room.
struct ReadMark {
  std::shared_ptr<const Caller> caller;
  std::string room;
  Seq seq = 0;
  std::uint64_t origin = 0;  // names the socket that reads; it comes back in LiveRead
  Answer<std::string> done;  // may be empty: nobody asked
};

// Thread-safe. Nothing may be submitted to the store any more when it is destroyed.
class Engine {
 public:
  // The tables that lie beside the log, in the same transaction; asked for once, on the writer's thread.
  using TablesOf = std::function<Tables&(eventing::Transaction&)>;
  // `sink` may be null; it outlives the engine, as the store does.
  Engine(eventing::EventStore& store, TablesOf tables_of, Limits limits, LiveSink* sink);
  ~Engine();
  // To be registered with the store before anything is submitted.
  eventing::CommitListener& listener();

  // The user whom a verified token names, provisioned on first sight. kUnauthorized: suspended, or the id belongs to an
  // own account and the token is not the server's.
  void Admit(Bearer bearer, Answer<Caller> done);
  // A new own account; the answer is the caller. kConflict: the name is taken.
  void Register(std::string username, std::string password_hash, std::string name, Answer<Caller> done);
  // The account's row, with its password hash. kUnauthorized: there is none.
  void FindAccount(std::string username, Answer<UserRow> done);
  // Ends (or restores) a user's rights: their sockets and tokens end with the commit.
  void Suspend(std::string user_id, bool suspended, Answer<std::string> done);
  // A user by its id, made if missing (command line).
  void AddUser(std::string user_id, std::string name, Answer<std::string> done);

  // Rooms. The answer of CreateRoom says whether it is new (201) or was there (200).
  struct Created {
    std::string room_json;
    bool fresh = false;
  };
  void CreateRoom(Caller caller, RoomDraft draft, Answer<Created> done);
  void RenameRoom(Caller caller, std::string room, std::string name, Answer<std::string> done);
  void DeleteRoom(Caller caller, std::string room, Answer<std::string> done);
  void AddMembers(Caller caller, std::string room, std::vector<std::string> users, Answer<std::string> done);
  void RemoveMember(Caller caller, std::string room, std::string user, Answer<std::string> done);
  void SetRole(Caller caller, std::string room, std::string user, Role role, Answer<std::string> done);

  // Messages. The answer is the message.
  void Send(Caller caller, SendDraft draft, Answer<std::string> done);
  void Edit(Caller caller, std::string room, std::string message, std::string text, Answer<std::string> done);
  void Delete(Caller caller, std::string room, std::string message, Answer<std::string> done);
  void React(Caller caller, std::string room, std::string message, std::string emoji, bool remove,
             Answer<std::string> done);
  // Positions stop at the room's head.
  void Read(Caller caller, std::string room, Seq seq, std::uint64_t origin, Answer<std::string> done);
  // The same for many at once, which share one unit of a commit; each is answered for itself.
  void Read(std::vector<ReadMark> marks);

  // Sockets. A join is decided at the end of its commit, so that `head` and `position` are those that the sink was told
  // of just before the answer.
  void Join(Caller caller, JoinRequest request, Answer<Joined> done);
  void Leave(Caller caller, std::string room, std::string pid, Answer<std::string> done);
  void Resume(Caller caller, ResumeRequest request, Answer<Resumed> done);
  void EndSession(std::string pid);
  // Sessions of connected sockets stay; those not seen for a day are removed.
  void KeepSessions(std::vector<std::string> pids);
  // Notes how far a reader of the log has come; see Reader::Checkpoint.
  void KeepCheckpoint(std::string reader, Position position);
  // Keeps what changed of the embedded queues; see Reader::Queues.
  void KeepQueues(std::shared_ptr<const QueueChanges> changes, Answer<bool> done);
  // Writes when users were last seen.
  void SetLastSeen(std::vector<std::pair<UserKey, Millis>> users);

  // Units handed to the store and not answered yet.
  std::uint64_t pending() const;

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace tidings::chat
