#pragma once

#include <cstdint>

#include "load/scenario.hpp"
#include "load/traffic.hpp"

namespace tidings::bench {

// Rooms with one sender each and further members who only listen. A sender serves rooms / senders of the rooms, by one
// connection that has joined them all; every listener is in one room.
struct Population {
  std::uint32_t rooms = 1;
  std::uint32_t members = 1;  // of each room, the sender among them
  std::uint32_t senders = 1;
};

// Makes the rooms and adds all connections to the traffic, not joined yet. REQUIRES: senders divides rooms.
bool Populate(Run& run, const Population& population, Traffic& traffic);

}  // namespace tidings::bench
