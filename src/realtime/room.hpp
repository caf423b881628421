// Room: the sockets that joined it. Private to the layer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <tidings/realtime/namespace.hpp>

namespace tidings::realtime {

// Each membership knows its place on both sides, so that joining and leaving take constant time.
class Room {
 public:
  explicit Room(std::string_view name) : name_(name) {}

  struct Member {
    Socket* socket;
    std::size_t place;  // in the socket's list
  };

  const std::string& name() const { return name_; }
  const std::vector<Member>& members() const { return members_; }

  void Add(Socket& socket);
  // The `place`-th of the socket's rooms is this one; it is left.
  static void Leave(Socket& socket, std::size_t place);

 private:
  std::string name_;
  std::vector<Member> members_;
};

}  // namespace tidings::realtime
