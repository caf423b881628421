#include "load/populate.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace tidings::bench {
namespace {

std::string RoomId(const Options& options, std::uint32_t room) {
  const std::string number = std::to_string(room);
  return "bench-" + options.scenario + "-" + std::string(5 - std::min<std::size_t>(5, number.size()), '0') + number;
}

}  // namespace

bool Populate(Run& run, const Population& population, Traffic& traffic) {
  if (population.senders == 0 || population.rooms % population.senders != 0 || population.members == 0) {
    std::fprintf(stderr, "bench_load: %u senders cannot share %u rooms\n", population.senders, population.rooms);
    return false;
  }
  const std::uint32_t share = population.rooms / population.senders;
  const std::uint32_t listeners = population.members - 1;
  for (std::uint32_t room = 0; room < population.rooms; ++room) {
    std::vector<std::uint32_t> users = {room / share};
    for (std::uint32_t i = 0; i < listeners; ++i) users.push_back(population.senders + room * listeners + i);
    const std::string id = RoomId(run.options, room);
    if (!run.world.CreateRoom(id, users)) return false;
    traffic.AddRoom(id);
  }
  for (std::uint32_t sender = 0; sender < population.senders; ++sender) {
    std::vector<std::uint32_t> rooms;
    for (std::uint32_t i = 0; i < share; ++i) rooms.push_back(sender * share + i);
    traffic.AddSender(traffic.AddMember(run.world.Token(sender), rooms), rooms);
  }
  for (std::uint32_t i = 0; i < population.rooms * listeners; ++i) {
    traffic.AddMember(run.world.Token(population.senders + i), {i / listeners});
  }
  return true;
}

}  // namespace tidings::bench
