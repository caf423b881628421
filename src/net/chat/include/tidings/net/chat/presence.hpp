// PresenceBoard: who is online, told to those who watch. Several devices of a user count once.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tidings/net/chat/hub.hpp>

namespace tidings::net {

// Loop's thread only.
class PresenceBoard final : public HubWatcher {
 public:
  PresenceBoard(ChatServices& services, Hub& hub) : services_(services), hub_(hub) {}

  void OnEvent(const chat::LiveEvent& event) override;
  void OnUser(const chat::Caller& caller, bool online) override;
  void OnSocketGone(ChatSocket& socket) override;
  // Every 50 ms or so.
  void OnTick();

  // Replaces the list of those whom the socket watches. Answers {users: [...]} with their present state.
  void Watch(ChatSocket& socket, std::vector<std::string> user_ids, realtime::AckSender ack);

 private:
  struct Watched {
    std::string id;
    std::unordered_set<std::uint64_t> watchers;
    Millis last_seen = 0;  // by the wall clock; 0: never
    bool shown = false;    // what the watchers were told
  };
  struct Leaving {
    std::string id;
    Millis at = 0;  // when they went, by the loop's clock
    Millis last_seen = 0;
  };

  // A socket, and whom it watches.
  struct Watching {
    std::uint64_t serial = 0;
    chat::UserKey watcher = 0;
    chat::UserKey watched = 0;
  };
  void Unwatch(ChatSocket& socket, chat::UserKey user);

  bool Online(chat::UserKey user) const { return hub_.Online(user) || leaving_.contains(user); }
  void Mark(chat::UserKey user) {
    if (watched_.contains(user)) changed_.insert(user);
  }

  ChatServices& services_;
  Hub& hub_;
  std::unordered_map<chat::UserKey, Watched> watched_;
  std::unordered_map<chat::UserKey, Leaving> leaving_;  // gone, within their grace
  std::unordered_set<chat::UserKey> changed_;
  std::vector<std::pair<chat::UserKey, Millis>> seen_;  // to be stored
  Millis next_ = 0;
};

}  // namespace tidings::net
