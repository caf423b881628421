// AMQP 0-9-1 §4.2.5: numbers in network byte order, short texts (one byte of length) and long ones (four).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::messaging::rabbitmq {

// Appends to a string that outlives it.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void U8(std::uint8_t number) { out_ += static_cast<char>(number); }
  void U16(std::uint16_t number) { Number<2>(number); }
  void U32(std::uint32_t number) { Number<4>(number); }
  void U64(std::uint64_t number) { Number<8>(number); }
  void Bytes(std::string_view bytes) { out_ += bytes; }
  // REQUIRES: at most 255 bytes.
  void ShortText(std::string_view text) {
    U8(static_cast<std::uint8_t>(text.size()));
    Bytes(text);
  }
  void LongText(std::string_view text) {
    U32(static_cast<std::uint32_t>(text.size()));
    Bytes(text);
  }

  // Leaves room for a length of four bytes and fills it with the number of bytes that came after it.
  std::size_t BeginLength() {
    U32(0);
    return out_.size();
  }
  void EndLength(std::size_t begin) {
    const std::size_t length = out_.size() - begin;
    for (std::size_t i = 0; i < 4; ++i) out_[begin - 1 - i] = static_cast<char>(length >> (8 * i));
  }

 private:
  template <std::size_t N>
  void Number(std::uint64_t number) {
    char bytes[N];
    for (std::size_t i = 0; i < N; ++i) bytes[i] = static_cast<char>(number >> (8 * (N - 1 - i)));
    out_.append(bytes, N);
  }

  std::string& out_;
};

// Reads from bytes that outlive it. Past their end everything is 0 or empty, and ok() is false from then on.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Number(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Number(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Number(4)); }
  std::uint64_t U64() { return Number(8); }
  std::string_view ShortText() { return Bytes(U8()); }
  std::string_view LongText() { return Bytes(U32()); }
  std::string_view Bytes(std::size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }
  // What was not read yet.
  std::string_view rest() const { return rest_; }

 private:
  std::uint64_t Number(std::size_t bytes) {
    std::uint64_t number = 0;
    for (const char byte : Bytes(bytes)) number = number << 8 | static_cast<std::uint8_t>(byte);
    return number;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace tidings::messaging::rabbitmq
