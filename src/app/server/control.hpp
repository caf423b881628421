// Control: the server's side of the commands that change a store while it runs. A listener of its own, at the loopback
// alone; what it serves is not reachable at the other addresses, since some of it names paths of this machine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <tidings/app/embedded_queue.hpp>
#include <tidings/auth/jwt.hpp>
#include <tidings/base/guarded.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/net/http_server.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

namespace tidings::app {

// Loop's thread only.
//
//   GET  /control/users?cursor=   {users: [{_id, name, username, suspended, lastSeen}], next}
//   POST /control/users           {_id, name}
//   POST /control/accounts        {username, passwordHash, name}
//   POST /control/suspend         {_id, suspended}
//   POST /control/audience        {room, seq, author, nonce}: {users: [id], proof}, members who were there at that event, have
//                                 not read it, are not its author, and have no socket; of a room that is no more, none. The
//                                 proof is that of server_proof.hpp
//   POST /control/backup          {folder}: begins; one at a time
//   GET  /control/backup          {running, done, all, error}: of the last one
//   POST /control/queue           a request of queue_desk.hpp: {lines: [...]}
//   POST /control/bridge          {to}: {moved, whole, left, busy, trouble}, a piece of some seconds; see BridgePiece
class Control final : public realtime::RequestHandler {
 public:
  struct Services {
    net::EventLoop& loop;
    const Clock& clock;
    const auth::KeySet& keys;
    chat::Engine& engine;
    chat::ReadPool& reads;
    sqlite::SqliteEventStore& store;
    std::function<bool(chat::UserKey)> online;
    EmbeddedQueue* queues = nullptr;  // null: they are RabbitMQ's
  };
  explicit Control(Services services);
  // REQUIRES: the store is closed, which ends a backup that runs.
  ~Control() override;

  // Listens, and writes the control file.
  Status Open(const std::string& data);
  // Removes the control file.
  void Close();

  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override;

 private:
  struct Call;
  using Method = void (Control::*)(Call);
  struct Copying {
    bool running = false;
    std::uint64_t done = 0;
    std::uint64_t all = 0;
    std::string error;
  };

  bool Allowed(const realtime::HttpRequest& request) const;
  chat::Answer<std::string> Answering(Call call);
  void ListUsers(Call call);
  void AddUser(Call call);
  void AddAccount(Call call);
  void Suspend(Call call);
  void Audience(Call call);
  void BeginBackup(Call call);
  void TellBackup(Call call);
  void AskQueue(Call call);
  void MoveQueues(Call call);

  Services services_;
  net::HttpServer http_;
  std::map<std::string, Method> methods_;
  std::string data_;
  Guarded<Copying> copying_;
  std::thread copier_;
};

}  // namespace tidings::app
