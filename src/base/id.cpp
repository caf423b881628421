#include <tidings/base/id.hpp>

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tidings {

namespace {

// A reserve of random bytes a thread, so that a token costs no system call of its own.
struct Reserve {
  std::array<std::uint8_t, 512> bytes;
  std::size_t used = 512;
};

void FromKernel(void* out, std::size_t size) {
  auto* to = static_cast<std::uint8_t*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(to, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::perror("tidings: getrandom failed");
      std::abort();
    }
    to += got;
    size -= static_cast<std::size_t>(got);
  }
}

constexpr char kHex[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void PutTimeAndVersion(std::array<std::uint8_t, 16>& bytes, Millis at) {
  const auto time = static_cast<std::uint64_t>(at);
  for (int i = 0; i < 6; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(time >> (40 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0f));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
}

}  // namespace

void RandomBytes(void* out, std::size_t size) {
  thread_local Reserve reserve;
  if (size > reserve.bytes.size() / 4) return FromKernel(out, size);
  if (reserve.bytes.size() - reserve.used < size) {
    FromKernel(reserve.bytes.data(), reserve.bytes.size());
    reserve.used = 0;
  }
  std::memcpy(out, reserve.bytes.data() + reserve.used, size);
  std::memset(reserve.bytes.data() + reserve.used, 0, size);
  reserve.used += size;
}

std::uint64_t RandomU64() {
  std::uint64_t value = 0;
  RandomBytes(&value, sizeof value);
  return value;
}

std::string RandomToken(std::size_t length) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  std::string token(length, '\0');
  RandomBytes(token.data(), length);
  for (char& c : token) c = kAlphabet[static_cast<std::uint8_t>(c) & 63];
  return token;
}

Uuid Uuid::Random(Millis at) {
  Uuid id;
  RandomBytes(id.bytes_.data(), id.bytes_.size());
  PutTimeAndVersion(id.bytes_, at);
  return id;
}

// Layout after the 48 bits of time: version (4), salt (12), variant (2), salt (12), ending in 50 bits of place:
// two of them, always zero here, keep the layout on byte borders.
Uuid Uuid::AtPlace(Millis at, std::uint64_t place, std::uint32_t salt) {
  Uuid id;
  id.bytes_[6] = static_cast<std::uint8_t>((salt >> 8) & 0x0f);
  id.bytes_[7] = static_cast<std::uint8_t>(salt);
  id.bytes_[8] = static_cast<std::uint8_t>((salt >> 12) & 0x3f);
  id.bytes_[9] = static_cast<std::uint8_t>(salt >> 18);
  for (std::size_t i = 0; i < 6; ++i) id.bytes_[10 + i] = static_cast<std::uint8_t>(place >> (40 - 8 * i));
  PutTimeAndVersion(id.bytes_, at);
  return id;
}

std::uint64_t Uuid::Place() const {
  std::uint64_t place = 0;
  for (std::size_t i = 10; i < 16; ++i) place = place << 8 | bytes_[i];
  return place;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t byte = 0;
  for (std::size_t i = 0; i < 36;) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i++] != '-') return std::nullopt;
      continue;
    }
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes_[byte++] = static_cast<std::uint8_t>(high << 4 | low);
    i += 2;
  }
  return id;
}

void Uuid::AppendText(std::string& out) const {
  char text[36];
  std::size_t at = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    text[at++] = kHex[bytes_[i] >> 4];
    text[at++] = kHex[bytes_[i] & 15];
  }
  out.append(text, 36);
}

std::string Uuid::Text() const {
  std::string out;
  out.reserve(36);
  AppendText(out);
  return out;
}

}  // namespace tidings
