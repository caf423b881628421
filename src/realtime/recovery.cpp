#include "recovery.hpp"

#include <algorithm>

#include <tidings/base/id.hpp>

namespace tidings::realtime {

namespace {

constexpr std::size_t kPidLength = 20;
constexpr std::size_t kInstanceLength = 6;

std::string_view TextOf(const json::object& from, std::string_view key) {
  const json::value* found = from.if_contains(key);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

bool Recoverable(CloseReason reason) {
  return reason != CloseReason::kClientNamespaceDisconnect && reason != CloseReason::kServerNamespaceDisconnect &&
         reason != CloseReason::kParseError;
}

}  // namespace

RecoveryLog::RecoveryLog(const RecoveryOptions& options, const Clock& clock)
    : options_(options), clock_(clock), instance_(RandomToken(kInstanceLength)) {}

std::string RecoveryLog::NewPid() { return RandomToken(kPidLength); }

EncodedPacket RecoveryLog::Keep(std::string_view nsp, const BroadcastTarget& target, std::string_view event,
                                const Arguments& arguments) {
  Expire();
  Arguments with_offset = arguments;
  with_offset.Add(instance_ + "." + std::to_string(next()));
  EncodedPacket encoded = EncodeEvent(nsp, event, with_offset);
  packets_.push_back({target, encoded, clock_.Steady() + options_.max_disconnection});
  return encoded;
}

void RecoveryLog::Expire() {
  const Millis now = clock_.Steady();
  while (!packets_.empty() && (packets_.front().expires <= now || packets_.size() > options_.max_packets)) {
    packets_.pop_front();
    ++first_;
  }
  std::erase_if(sessions_, [&](const auto& one) { return one.second.expires <= now; });
}

std::optional<std::uint64_t> RecoveryLog::Place(const Session& session, const json::object& auth) const {
  std::uint64_t place = session.begun;  // a client that received nothing has no offset
  const std::string_view offset = TextOf(auth, "offset");
  if (!offset.empty()) {
    if (!offset.starts_with(instance_) || offset.size() <= kInstanceLength + 1) return std::nullopt;
    const auto number = ParseWhole(offset.substr(kInstanceLength + 1));
    if (!number || *number >= next()) return std::nullopt;
    place = std::max(place, *number + 1);
  }
  return place >= first_ ? std::optional(place) : std::nullopt;
}

bool RecoveryLog::Knows(const json::object& auth) {
  Expire();
  const auto found = sessions_.find(std::string(TextOf(auth, "pid")));
  return found != sessions_.end() && Place(found->second, auth);
}

std::optional<RecoveryLog::Restored> RecoveryLog::Restore(const json::object& auth) {
  Expire();
  const std::string pid(TextOf(auth, "pid"));
  const auto found = sessions_.find(pid);
  if (found == sessions_.end()) return std::nullopt;
  Session session = std::move(found->second);
  sessions_.erase(found);
  const auto place = Place(session, auth);
  if (!place) return std::nullopt;
  Restored restored{session.id, pid, std::move(session.rooms), std::move(session.data), {}};
  const auto has = [&](const std::string& name) {
    return name == restored.id || std::ranges::find(restored.rooms, name) != restored.rooms.end();
  };
  for (std::uint64_t number = *place; number < next(); ++number) {
    const Packet& packet = packets_[number - first_];
    const BroadcastTarget& target = packet.target;
    if (!target.rooms.empty() && std::ranges::none_of(target.rooms, has)) continue;
    if (std::ranges::any_of(target.except, has)) continue;
    restored.missed.push_back(packet.encoded);
  }
  return restored;
}

Socket* RecoveryLog::StillThere(const json::object& auth) const {
  const auto found = live_by_pid_.find(std::string(TextOf(auth, "pid")));
  return found == live_by_pid_.end() ? nullptr : found->second;
}

void RecoveryLog::Begin(Socket& socket, std::string_view pid) {
  live_.insert_or_assign(&socket, Live{std::string(pid), next()});
  live_by_pid_.insert_or_assign(std::string(pid), &socket);
}

void RecoveryLog::End(Socket& socket, CloseReason reason) {
  const auto found = live_.find(&socket);
  if (found == live_.end()) return;
  const Live live = std::move(found->second);
  live_.erase(found);
  live_by_pid_.erase(live.pid);
  if (!Recoverable(reason)) return;
  Session session{
      std::string(socket.id()), {}, std::move(socket.data_), live.begun, clock_.Steady() + options_.max_disconnection};
  for (const std::string_view room : socket.Rooms()) session.rooms.emplace_back(room);
  sessions_.insert_or_assign(live.pid, std::move(session));
}

}  // namespace tidings::realtime
