// Reads the chunked transfer coding (RFC 9112 §7.1), strictly and byte by byte. No I/O; total.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::net {

class ChunkedReader {
 public:
  enum class Step { kMore, kWhole, kBad, kTooLarge };

  // Takes bytes from the front of `input` up to the end of the last chunk and its trailers, and appends what they hold
  // to `body`. kTooLarge as soon as a chunk announces that the body will be above `most` bytes.
  Step Read(std::string_view input, std::size_t& taken, std::string& body, std::size_t most);

 private:
  // Where in the coding the next byte lies.
  enum class Place : std::uint8_t { kSize, kExtension, kSizeEnd, kData, kDataCr, kDataLf, kTrailer, kTrailerEnd };

  Step Take(char c, std::size_t have, std::size_t most);

  Place place_ = Place::kSize;
  std::uint8_t digits_ = 0;   // of the size
  bool empty_line_ = true;    // of the trailers, so far
  std::uint64_t left_ = 0;    // of the chunk
  std::size_t overhead_ = 0;  // bytes of this chunk's line, or of all trailers
};

}  // namespace tidings::net
