// Identifiers and randomness.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>

namespace tidings {

// A UUID (RFC 9562). Version 7 ids sort by time, as bytes and as text.
class Uuid {
 public:
  Uuid() = default;
  explicit Uuid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

  // Version 7 with 74 random bits.
  static Uuid Random(Millis at);
  // Version 7 whose low bits name `place` (below 2^48) and whose other bits are those of `salt`: unique as long as
  // places are, and Place() gives the place back without an index.
  static Uuid AtPlace(Millis at, std::uint64_t place, std::uint32_t salt);
  // Reads the 36 characters, lower case; nothing else.
  static std::optional<Uuid> Parse(std::string_view text);

  std::string Text() const;
  void AppendText(std::string& out) const;
  std::uint64_t Place() const;
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  friend bool operator==(const Uuid&, const Uuid&) = default;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// Fills with bytes of the kernel's generator. Ends the process if there are none.
void RandomBytes(void* out, std::size_t size);
std::uint64_t RandomU64();
// `length` characters of [A-Za-z0-9_-], 6 random bits each: 20 of them are secret enough for a session id.
std::string RandomToken(std::size_t length);

}  // namespace tidings
