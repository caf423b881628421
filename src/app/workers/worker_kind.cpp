#include "worker_kind.hpp"

#include <cstdint>

namespace tidings::app {

std::string KeyOf(const messaging::Message& message) {
  if (!message.key.empty()) return message.key;
  return std::string(message.headers.Get("cloudEvents:subject"));
}

// FNV-1a. Part of the format: where a room's events are may not change while some wait.
std::size_t LaneOf(std::string_view key, std::size_t lanes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : key) hash = (hash ^ c) * 0x100000001b3;
  return static_cast<std::size_t>((hash ^ (hash >> 32)) % lanes);
}

bool NoUse(const Status& handled) {
  return !handled && (handled.error().code() == ErrorCode::kMalformed || handled.error().code() == ErrorCode::kInvalid);
}

Result<std::vector<LanePiece>> WorkerKind::Split(const messaging::Message& event, std::size_t lanes) {
  std::vector<LanePiece> pieces;
  pieces.emplace_back(LaneOf(KeyOf(event), lanes), event);
  return pieces;
}

}  // namespace tidings::app
