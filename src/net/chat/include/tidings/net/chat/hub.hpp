// Hub: the sockets of one loop, the rooms that they follow, and what each of them has been sent.
//
// The writer's commits come in order, and all of them. A socket that follows a room gets each of its events once, in the
// order of commits over its rooms, from one of two sources: live, while it keeps up; out of the log, while it is behind
// (it was too slow, or was recovered) and while a join replays what was missed. docs/delivery.md tells the rules.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <tidings/chat/live.hpp>
#include <tidings/net/chat/read_gatherer.hpp>
#include <tidings/net/chat/services.hpp>
#include <tidings/realtime/socket.hpp>

namespace tidings::net {

class Hub;
struct HubRoom;
class ChatSocket;

// One socket in one room.
struct Follower {
  ChatSocket* socket = nullptr;
  HubRoom* room = nullptr;
  chat::Seq sent = 0;         // it has everything up to here
  bool replaying = false;     // a join's replay runs: served by itself, not with the other rooms
  chat::Position since = 0;   // of the log, as a join began a replay; 0: none did
  chat::JoinNumber join = 0;  // of a durable session
  std::size_t place = 0;      // in the room's list
  // Joins that are answered once the replay is over, with the room as the newest of them is to show it.
  std::vector<realtime::AckSender> waiting;
  std::string room_json;
};

struct HubRoom {
  chat::RoomKey key = 0;
  std::shared_ptr<const std::string> id;
  chat::Seq head = 0;  // of the events that were handed on
  std::vector<Follower*> followers;
};

// One event of the log on its way to a socket.
struct LogEvent {
  chat::RoomKey room = 0;
  chat::Seq seq = 0;
  chat::Position position = 0;
  std::string arguments;
};
// What was read for a socket: of one replaying room, or, with `replay` 0, of all the others together.
struct LogPage {
  std::vector<LogEvent> events;
  chat::Position upto = 0;       // the read's bound
  chat::RoomKey replay = 0;
  chat::JoinNumber join = 0;     // of the replay
  std::uint64_t redactions = 0;  // Hub's, when it was asked for
  bool last = false;             // nothing is left below the bound
};

// The chat's side of a Socket. Owned by it.
class ChatSocket final : public realtime::SessionData {
 public:
  ChatSocket(Hub& hub, std::shared_ptr<const chat::Caller> caller) : caller(std::move(caller)), hub_(hub) {}
  ~ChatSocket() override;

  std::shared_ptr<const chat::Caller> caller;
  ReadGatherer::Place read_place;
  realtime::Socket* socket = nullptr;
  std::uint64_t serial = 0;
  Millis ends_at = 0;         // of its token's rights
  std::string pid;            // of its durable session; empty: it did not ask
  bool behind = false;        // served from the log
  bool reading = false;       // a page is being read for it
  bool replay_next = false;   // whose turn it is, where it is behind and replays
  std::uint32_t replays = 0;  // followers that replay
  chat::Position since = 0;   // the newest that its followers have had
  chat::JoinNumber join = 0;  // the same
  chat::Position told = 0;    // the newest end of a membership that it was told of ahead of its place
  chat::Position live = 0;    // while behind: it has everything of its rooms up to here
  std::vector<std::unique_ptr<Follower>> rooms;  // in the order of their joins
  std::unordered_set<std::string> joining;
  std::optional<LogPage> ready;                  // a page that waits until it has taken what it was sent
  std::unordered_set<chat::UserKey> watching;
  Millis flood_since = 0;                        // events above the limits are counted from here on
  std::uint32_t flood = 0;
  std::uint64_t watch_lists = 0;                 // asked for so far
  std::uint64_t watch_list = 0;                  // which of them `watching` is

  bool recovers() const { return !pid.empty(); }
  Follower* Find(chat::RoomKey room) const;
  Follower* Find(std::string_view room_id) const;

 private:
  Hub& hub_;
};

// Who else wants to know what passes by; see Notices and PresenceBoard.
class HubWatcher {
 public:
  virtual ~HubWatcher() = default;
  virtual void OnEvent(const chat::LiveEvent& event) { (void)event; }
  virtual void OnRead(const chat::LiveRead& read) { (void)read; }
  // The first socket of a user came, or the last one went.
  virtual void OnUser(const chat::Caller& caller, bool online) { (void)caller, (void)online; }
  virtual void OnSocketGone(ChatSocket& socket) { (void)socket; }
};

// Loop's thread only, but for the sink.
class Hub {
 public:
  explicit Hub(ChatServices& services) : services_(services) {}

  void AddWatcher(HubWatcher& watcher) { watchers_.push_back(&watcher); }

  // One commit. In order, each once.
  void OnCommit(const chat::LiveBatch& batch);

  // A socket that was let in, with what it follows already. Its first page is sent in a later turn.
  void Add(realtime::Socket& socket, const chat::Resumed* resumed);
  // It is gone. Called by the owner of the namespace.
  void Remove(ChatSocket& socket);
  // Nothing is queued for it any more.
  void OnDrained(ChatSocket& socket);

  // The engine has admitted the socket to the room. Answers `ack` now, or when what was missed has been sent.
  void Join(ChatSocket& socket, chat::Joined joined, std::optional<chat::Seq> after, realtime::AckSender ack);
  void Leave(ChatSocket& socket, std::string_view room_id);

  ChatSocket* Find(std::uint64_t serial) const;
  HubRoom* FindRoom(chat::RoomKey room);
  const std::vector<ChatSocket*>* SocketsOf(chat::UserKey user) const;
  // Closes the connection of the user's socket with this durable session, if it is still there.
  void CloseSession(chat::UserKey user, std::string_view pid);
  bool Online(chat::UserKey user) const { return users_.contains(user); }
  std::size_t online() const { return users_.size(); }
  const std::unordered_map<std::uint64_t, ChatSocket*>& sockets() const { return sockets_; }
  chat::Position position() const { return position_; }

  // Sends what is no event of the log. REQUIRES: its last argument is no string.
  static realtime::FrameRef Notice(std::string_view name, std::string_view object);
  // Sends a notice to a socket that is not too far behind; counts the loss otherwise.
  void SendNotice(ChatSocket& socket, const realtime::FrameRef& frame);

  // Says why, and makes the client stay away.
  void EndRights(ChatSocket& socket, std::string_view code);

 private:
  friend class ChatSocket;
  void Deliver(const chat::LiveEvent& event);
  Follower& Follow(ChatSocket& socket, const chat::Joined& joined, chat::Position since, chat::Seq sent,
                   bool replaying);
  void Unfollow(Follower& follower, bool answer);
  void DropIfUnused(HubRoom& room);
  std::string OffsetOf(const ChatSocket& socket, chat::Position position) const;
  void FallBehind(ChatSocket& socket, chat::Position sent);
  // Reads the next page for a socket that needs one, or makes it live again.
  void Advance(ChatSocket& socket);
  bool CatchUp(ChatSocket& socket);
  bool Replay(ChatSocket& socket);
  static Follower* FirstReplay(const ChatSocket& socket);
  void EndReplay(Follower& follower);
  void AnswerWaiting(Follower& follower);
  // `replay`: the page is of its room alone; null: of all the others together.
  void ReadPage(ChatSocket& socket, std::vector<chat::ReplayPlace> places, const Follower* replay);
  void OnPage(ChatSocket& socket, LogPage page);
  void SendPage(ChatSocket& socket, const LogPage& page);
  bool Full(const ChatSocket& socket) const;

  ChatServices& services_;
  std::vector<HubWatcher*> watchers_;
  std::unordered_map<chat::RoomKey, HubRoom> rooms_;
  std::unordered_map<std::uint64_t, ChatSocket*> sockets_;
  std::unordered_map<chat::UserKey, std::vector<ChatSocket*>> users_;
  std::uint64_t redactions_ = 0;  // messages deleted so far
  std::uint64_t last_serial_ = 0;
  chat::Position position_ = 0;
};

}  // namespace tidings::net
