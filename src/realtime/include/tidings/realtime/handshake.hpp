// What a middleware sees of a client that wants to connect, and how it answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/json.hpp>
#include <tidings/realtime/engine_server.hpp>
#include <tidings/realtime/http.hpp>

namespace tidings::realtime {

struct Handshake {
  // The request that opened the connection: headers, query, remote_address, secure. Without body.
  std::shared_ptr<const HttpRequest> request;
  std::string nsp;    // the namespace asked for
  json::object auth;  // the payload of CONNECT, {} without one
  Millis time = 0;    // of the CONNECT, on the wall
};

// What an accepting middleware may set; of several, the last one that sets a field counts.
struct Acceptance {
  // The socket's id, at most 36 characters, instead of a random one. A socket that has it already is closed first.
  std::string id;
  // Goes to the client beside the id: official clients send it, and the last offset, when they come back.
  std::string pid;
  // The socket's data from its first moment.
  std::unique_ptr<SessionData> data;
};

// A client that waits to be let in. One call of Accept or Refuse, now or later, on the server's thread; it does nothing
// if the client has gone. Dropped without an answer, the client's connection is closed by its transport. The Handshake
// that came with it lives as long as it does.
class Admission {
 public:
  class Pending;  // private
  explicit Admission(std::shared_ptr<Pending> pending);
  Admission(Admission&&) noexcept = default;
  Admission& operator=(Admission&& other) noexcept;
  ~Admission();

  // On to the next middleware, or in.
  void Accept(Acceptance acceptance = {});
  // CONNECT_ERROR: the client stays away until it is told to try again. `data` is a JSON text, or empty.
  void Refuse(std::string_view message, std::string_view data = {});
  // Closes the connection by its transport, so that the client comes back by itself: for what a retry can cure.
  void Close();
  // Whether the client still waits.
  bool waiting() const;
  const Handshake& handshake() const;

 private:
  std::shared_ptr<Pending> pending_;
};

}  // namespace tidings::realtime
