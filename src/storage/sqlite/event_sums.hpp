// The checksums of streams and events, and what they cover.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <tidings/eventing/event_store.hpp>

namespace tidings::sqlite {

std::uint64_t DigestOf(std::string_view data);
// Of a stream's name and key.
std::uint64_t StreamSum(std::string_view name, eventing::StreamKey key, std::uint32_t salt);

// What an event's checksum covers, with the store's salt, of which ids are made.
class EventHeader {
 public:
  std::uint64_t Sum(std::uint32_t salt) const;

  eventing::Position position = 0;
  eventing::StreamKey stream = 0;
  eventing::Version version = 0;
  std::uint64_t type = 0;  // digest of its name
  Millis at = 0;
  std::uint64_t author = 0;
  std::optional<Uuid> id;    // none: derived
  std::uint64_t digest = 0;  // of the first data
};

}  // namespace tidings::sqlite
