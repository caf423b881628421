#include "chunked_reader.hpp"

#include <algorithm>

#include "field_text.hpp"

namespace tidings::net {

namespace {

constexpr std::size_t kMaxLine = 1024;  // with a chunk's extensions
constexpr std::size_t kMaxTrailers = 16 * 1024;

bool IsControlCharacter(char c) { return static_cast<unsigned char>(c) < 0x20 ? c != '\t' : c == 0x7f; }

}  // namespace

ChunkedReader::Step ChunkedReader::Read(std::string_view input, std::size_t& taken, std::string& body,
                                        std::size_t most) {
  for (taken = 0; taken < input.size();) {
    if (place_ == Place::kData) {
      const std::string_view data =
          input.substr(taken, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - taken)));
      body += data;
      taken += data.size();
      left_ -= data.size();
      if (left_ == 0) place_ = Place::kDataCr;
    } else if (const Step step = Take(input[taken++], body.size(), most); step != Step::kMore) {
      return step;
    }
  }
  return Step::kMore;
}

ChunkedReader::Step ChunkedReader::Take(char c, std::size_t have, std::size_t most) {
  switch (place_) {
    case Place::kSize:
      if (const int digit = HexDigit(c); digit >= 0) {
        if (++digits_ > 16) return Step::kBad;
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        return Step::kMore;
      }
      if (digits_ == 0 || (c != '\r' && c != ';')) return Step::kBad;
      if (left_ > most - std::min(have, most)) return Step::kTooLarge;
      place_ = c == '\r' ? Place::kSizeEnd : Place::kExtension;
      return Step::kMore;
    case Place::kExtension:
      if (c == '\r') {
        place_ = Place::kSizeEnd;
      } else if (IsControlCharacter(c) || ++overhead_ > kMaxLine) {
        return Step::kBad;
      }
      return Step::kMore;
    case Place::kSizeEnd:
      if (c != '\n') return Step::kBad;
      place_ = left_ == 0 ? Place::kTrailer : Place::kData;
      empty_line_ = true;
      overhead_ = 0;
      return Step::kMore;
    case Place::kDataCr: place_ = Place::kDataLf; return c == '\r' ? Step::kMore : Step::kBad;
    case Place::kDataLf:
      place_ = Place::kSize;
      digits_ = 0;
      return c == '\n' ? Step::kMore : Step::kBad;
    case Place::kTrailer:
      if (c == '\r') {
        place_ = Place::kTrailerEnd;
      } else {
        // What trailers say is ignored; they may not be folded, nor end otherwise than heads do.
        if (IsControlCharacter(c) || (empty_line_ && (c == ' ' || c == '\t')) || ++overhead_ > kMaxTrailers)
          return Step::kBad;
        empty_line_ = false;
      }
      return Step::kMore;
    case Place::kTrailerEnd:
      if (c != '\n') return Step::kBad;
      if (empty_line_) return Step::kWhole;
      empty_line_ = true;
      place_ = Place::kTrailer;
      return Step::kMore;
    case Place::kData: break;
  }
  return Step::kBad;
}

}  // namespace tidings::net
