// The users and rooms that a run takes place in. Where the server is tidings its rooms are made over HTTP beforehand;
// the others make a room when somebody joins it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/http_client.hpp"
#include "load/options.hpp"

namespace tidings::bench {

class World {
 public:
  // Takes the secret for tokens from TIDINGS_JWT_SECRET.
  explicit World(const Options& options);

  bool is_tidings() const { return options_.protocol == "tidings"; }

  // A token for the user u<index>.
  std::string Token(std::uint32_t user) const;

  // Makes the room, owned by the first of the users, with all of them as members. False, and a line on standard error,
  // where the server refuses.
  bool CreateRoom(const std::string& id, const std::vector<std::uint32_t>& users);

  // The body of GET /api/v1`path` as the user; empty, and a line on standard error, where the status is not 200.
  std::string Get(const std::string& path, std::uint32_t user);

  // The highest number in the room's log; 0 where it cannot be had.
  std::uint64_t Head(const std::string& room, std::uint32_t user);

 private:
  const Options& options_;
  std::string secret_;
  HttpClient http_;
};

}  // namespace tidings::bench
