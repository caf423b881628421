// Records of the log: decoding is total, and what was decoded encodes to the same record.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <tidings/chat/record.hpp>

using namespace tidings::chat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = MessageRecord::Decode(bytes)) {
    const std::string once = message->Encode();
    const auto again = MessageRecord::Decode(once);
    if (!again || again->Encode() != once) std::abort();
  }
  if (const auto room = RoomRecord::Decode(bytes)) {
    const std::string once = room->Encode();
    const auto again = RoomRecord::Decode(once);
    if (!again || again->Encode() != once) std::abort();
  }
  return 0;
}
