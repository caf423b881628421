// Server: the chat server as one process runs it. The place that names concrete types.
//
//   auto server = app::Server::Open(config);
//   if (!server) return Complain(server.error());
//   (*server)->Run();   // until SIGTERM or SIGINT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tidings/app/config.hpp>
#include <tidings/base/error.hpp>

namespace tidings::app {

class Server {
 public:
  // Opens the store and the listeners. Errors say what happened, where, and what to do.
  static Result<std::unique_ptr<Server>> Open(const Config& config);
  ~Server();

  // The addresses that it listens at, with their real ports: "http://127.0.0.1:8080".
  std::vector<std::string> Addresses() const;

  // Serves until SIGTERM or SIGINT, then stops: no new connections, commits finish, clients are told by closing their
  // transports so that they come back, and all of it within `shutdown_timeout`. SIGHUP reads certificates and keys
  // again.
  void Run();

 private:
  class State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Makes the data folder, readable by its owner alone, if it is missing.
Status MakeDataFolder(const std::string& data);
// The secret that the data folder keeps; both are made if missing.
Result<std::string> DataSecret(const std::string& data);

}  // namespace tidings::app
