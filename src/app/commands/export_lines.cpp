#include "export_lines.hpp"

#include <xxhash.h>

#include <array>
#include <utility>

#include <tidings/base/bytes.hpp>

namespace tidings::app {

namespace {

constexpr std::array<std::pair<std::string_view, LineKind>, 6> kBeginnings{{
    {R"({"tidings":"export",)", LineKind::kHeader},
    {R"({"user":)", LineKind::kUser},
    {R"({"event":)", LineKind::kEvent},
    {R"({"read":)", LineKind::kRead},
    {R"({"room":)", LineKind::kRoom},
    {R"({"end":)", LineKind::kEnd},
}};

}  // namespace

void LineCounts::Add(LineKind kind) {
  users += kind == LineKind::kUser;
  events += kind == LineKind::kEvent;
  reads += kind == LineKind::kRead;
  rooms += kind == LineKind::kRoom;
}

struct LineDigest::State {
  XXH3_state_t* hash = XXH3_createState();
};

LineDigest::LineDigest() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->hash); }
LineDigest::~LineDigest() { XXH3_freeState(state_->hash); }

void LineDigest::Add(std::string_view line) { XXH3_128bits_update(state_->hash, line.data(), line.size()); }

std::string LineDigest::Hex() const {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(state_->hash));
  return HexEncode({reinterpret_cast<const char*>(bytes.digest), sizeof bytes.digest});
}

Result<ExportReader> ExportReader::Open(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Fail(ErrorCode::kNotFound, "cannot read " + file + "; name a file that tidings export wrote");
  return ExportReader(file, std::move(in));
}

std::unexpected<Error> ExportReader::Fault(const std::string& what) const {
  return Fail(ErrorCode::kInvalid, file_ + ":" + std::to_string(number_) + ": " + what);
}

Result<LineKind> ExportReader::NextText() {
  ++number_;
  if (!std::getline(in_, text_) || in_.eof()) {
    return Fault("the file ends before its last line: it is truncated, or no export");
  }
  text_ += '\n';
  for (const auto& [beginning, kind] : kBeginnings) {
    if (text_.starts_with(beginning)) return kind;
  }
  return Fault("this is no line of an export");
}

Result<LineKind> ExportReader::Next(json::object& line) {
  const auto kind = NextText();
  if (!kind) return kind;
  auto parsed = json::Parse(std::string_view(text_).substr(0, text_.size() - 1));
  if (!parsed || !parsed->is_object()) return Fault("this is no line of an export");
  line = std::move(parsed->get_object());
  return kind;
}

Result<LineCounts> ExportReader::Check() {
  LineCounts counts;
  LineDigest digest;
  LineKind last = LineKind::kHeader;
  while (true) {
    const auto kind = NextText();
    if (!kind) return std::unexpected(kind.error());
    if ((number_ == 1) != (*kind == LineKind::kHeader) || *kind < last) return Fault("the lines are out of order");
    if (*kind == LineKind::kEnd) break;
    last = *kind;
    counts.Add(*kind);
    digest.Add(text_);
  }
  const auto parsed = json::Parse(std::string_view(text_).substr(0, text_.size() - 1));
  const auto* end = parsed && parsed->is_object() ? parsed->get_object().if_contains("end") : nullptr;
  if (end == nullptr || !end->is_object()) return Fault("the last line is damaged");
  const auto number = [&](std::string_view key) {
    const auto found = json::OptionalWhole(end->get_object(), key);
    return found && *found ? **found : ~std::uint64_t{0};
  };
  const LineCounts said{number("users"), number("events"), number("reads"), number("rooms")};
  const auto sum = json::RequiredText(end->get_object(), "digest");
  if (!sum || *sum != digest.Hex() || said != counts) return Fault("the file is damaged: its digest does not fit");
  if (in_.peek() != std::ifstream::traits_type::eof()) return Fault("there is more after the last line");
  return counts;
}

}  // namespace tidings::app
