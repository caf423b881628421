#include "deflate.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <zlib.h>

namespace tidings::net {

namespace {

constexpr int kRawWindow = -15;
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);

// zlib does not write through next_in, but before ZLIB_CONST it takes no pointer to const.
Bytef* Input(std::string_view bytes) { return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())); }

struct Inflater {
  Inflater() {
    if (inflateInit2(&stream, kRawWindow) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream stream{};
};

struct Deflater {
  Deflater() {
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kRawWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Deflater() { deflateEnd(&stream); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  z_stream stream{};
};

}  // namespace

InflateResult InflateMessage(std::string_view compressed, std::size_t most, std::string& out) {
  Inflater inflater;
  z_stream& stream = inflater.stream;
  std::array<char, 16 * 1024> piece;
  out.clear();
  for (const std::string_view part : {compressed, kTail}) {
    stream.next_in = Input(part);
    stream.avail_in = static_cast<uInt>(part.size());
    while (stream.avail_in > 0 || stream.avail_out == 0) {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = piece.size();
      const int result = inflate(&stream, Z_SYNC_FLUSH);
      const std::size_t got = piece.size() - stream.avail_out;
      if (got > most - out.size()) return InflateResult::kTooLarge;
      out.append(piece.data(), got);
      // A final block (RFC 7692 §7.2.3.4) ends the message; what follows it begins anew.
      if (result == Z_STREAM_END) {
        if (inflateReset(&stream) != Z_OK) return InflateResult::kBad;
      } else if (result == Z_BUF_ERROR) {
        break;
      } else if (result != Z_OK) {
        return InflateResult::kBad;
      }
    }
  }
  return InflateResult::kWhole;
}

std::string DeflateMessage(std::string_view message) {
  Deflater deflater;
  z_stream& stream = deflater.stream;
  std::string out;
  out.resize(deflateBound(&stream, static_cast<uLong>(message.size())) + 16);
  stream.next_in = Input(message);
  stream.avail_in = static_cast<uInt>(message.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  if (std::string_view(out).ends_with(kTail)) out.resize(out.size() - kTail.size());
  // Nothing at all is one empty block (RFC 7692 §7.2.3.6).
  if (out.empty()) out.push_back('\0');
  return out;
}

}  // namespace tidings::net
