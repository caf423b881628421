#include "room.hpp"

#include <algorithm>

namespace tidings::realtime {

void Room::Add(Socket& socket) {
  socket.memberships_.push_back({this, members_.size()});
  members_.push_back({&socket, socket.memberships_.size() - 1});
}

void Room::Leave(Socket& socket, std::size_t place) {
  const auto [room, index] = socket.memberships_[place];
  // The last one takes the empty place, on each side.
  auto& members = room->members_;
  members[index] = members.back();
  members[index].socket->memberships_[members[index].place].place = index;
  members.pop_back();
  auto& mine = socket.memberships_;
  if (place != mine.size() - 1) {
    mine[place] = mine.back();
    mine[place].room->members_[mine[place].place].place = place;
  }
  mine.pop_back();
}

void Socket::Join(std::string_view room) {
  if (connected_ && !InRoom(room)) nsp_->RoomOf(room).Add(*this);
}

void Socket::Leave(std::string_view room) {
  for (std::size_t i = 0; i < memberships_.size(); ++i) {
    if (memberships_[i].room->name() == room) return LeaveAt(i);
  }
}

void Socket::LeaveAt(std::size_t place) {
  Room& room = *memberships_[place].room;
  Room::Leave(*this, place);
  if (room.members().empty()) nsp_->Drop(room);
}

bool Socket::InRoom(std::string_view room) const {
  return std::ranges::any_of(memberships_, [&](const Membership& one) { return one.room->name() == room; });
}

std::vector<std::string_view> Socket::Rooms() const {
  std::vector<std::string_view> names;
  names.reserve(memberships_.size());
  for (const Membership& one : memberships_) names.push_back(one.room->name());
  return names;
}

}  // namespace tidings::realtime
