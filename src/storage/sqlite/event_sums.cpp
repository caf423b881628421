#include "event_sums.hpp"

#include <xxhash.h>

#include <array>
#include <cstring>

namespace tidings::sqlite {

namespace {

class Packed {
 public:
  void Put(std::uint64_t value) {
    for (int i = 0; i < 8; ++i) bytes_[size_++] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  void Put(const Uuid& id) {
    std::memcpy(&bytes_[size_], id.bytes().data(), 16);
    size_ += 16;
  }
  std::uint64_t Sum(std::uint32_t salt) const { return XXH3_64bits_withSeed(bytes_.data(), size_, salt); }

 private:
  std::array<std::uint8_t, 80> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace

std::uint64_t DigestOf(std::string_view data) { return XXH3_64bits(data.data(), data.size()); }

std::uint64_t StreamSum(std::string_view name, eventing::StreamKey key, std::uint32_t salt) {
  Packed packed;
  packed.Put(DigestOf(name));
  packed.Put(key);
  return packed.Sum(salt);
}

std::uint64_t EventHeader::Sum(std::uint32_t salt) const {
  Packed packed;
  for (const std::uint64_t value : {position, stream, version, type, static_cast<std::uint64_t>(at), author, digest}) {
    packed.Put(value);
  }
  if (id) packed.Put(*id);
  return packed.Sum(salt);
}

}  // namespace tidings::sqlite
