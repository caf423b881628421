#include <tidings/base/json.hpp>

#include <charconv>
#include <cmath>

namespace tidings::json {

namespace {

bool AllFinite(const value& v) {
  switch (v.kind()) {
    case boost::json::kind::double_: return std::isfinite(v.get_double());
    case boost::json::kind::array:
      for (const value& item : v.get_array()) {
        if (!AllFinite(item)) return false;
      }
      return true;
    case boost::json::kind::object:
      for (const auto& member : v.get_object()) {
        if (!AllFinite(member.value())) return false;
      }
      return true;
    default: return true;
  }
}

Error WrongType(std::string_view key, std::string_view expected) {
  return Error(ErrorCode::kInvalid, "\"" + std::string(key) + "\" must be " + std::string(expected));
}

const value* Member(const object& from, std::string_view key) {
  const value* found = from.if_contains(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

}  // namespace

Result<value> Parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::error_code error;
  value parsed = boost::json::parse(boost::json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return Fail(ErrorCode::kMalformed, "JSON: " + error.message());
  if (!AllFinite(parsed)) return Fail(ErrorCode::kMalformed, "JSON: a number is out of range");
  return parsed;
}

void AppendString(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

void AppendNumber(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void AppendTimeString(std::string& out, Millis at) {
  out += '"';
  AppendTime(out, at);
  out += '"';
}

std::string Quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  AppendString(out, text);
  return out;
}

std::string& ObjectWriter::Key(std::string_view key) {
  if (!first_) out_ += ',';
  first_ = false;
  out_ += '"';
  out_ += key;
  out_ += "\":";
  return out_;
}

ObjectWriter& ObjectWriter::Text(std::string_view key, std::string_view text) {
  AppendString(Key(key), text);
  return *this;
}

ObjectWriter& ObjectWriter::Number(std::string_view key, std::uint64_t number) {
  AppendNumber(Key(key), number);
  return *this;
}

ObjectWriter& ObjectWriter::Bool(std::string_view key, bool flag) {
  Key(key) += flag ? "true" : "false";
  return *this;
}

ObjectWriter& ObjectWriter::Time(std::string_view key, Millis at) {
  AppendTimeString(Key(key), at);
  return *this;
}

ObjectWriter& ObjectWriter::Null(std::string_view key) {
  Key(key) += "null";
  return *this;
}

ObjectWriter& ObjectWriter::Raw(std::string_view key, std::string_view json) {
  Key(key) += json;
  return *this;
}

Result<std::optional<std::string>> OptionalText(const object& from, std::string_view key) {
  const value* found = Member(from, key);
  if (found == nullptr) return std::optional<std::string>();
  if (!found->is_string()) return std::unexpected(WrongType(key, "a string"));
  return std::optional<std::string>(std::string(found->get_string()));
}

Result<std::string> RequiredText(const object& from, std::string_view key) {
  auto text = OptionalText(from, key);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::unexpected(WrongType(key, "a string and is missing"));
  return std::move(**text);
}

Result<std::optional<bool>> OptionalBool(const object& from, std::string_view key) {
  const value* found = Member(from, key);
  if (found == nullptr) return std::optional<bool>();
  if (!found->is_bool()) return std::unexpected(WrongType(key, "true or false"));
  return std::optional<bool>(found->get_bool());
}

std::optional<std::uint64_t> AsWhole(const value& number) {
  constexpr double kMost = 9007199254740991.0;
  if (const auto* whole = number.if_int64()) {
    if (*whole < 0 || *whole > 9007199254740991) return std::nullopt;
    return static_cast<std::uint64_t>(*whole);
  }
  // Of values that were made here; the parser's are signed as long as they fit.
  if (const auto* whole = number.if_uint64()) {
    if (*whole > 9007199254740991) return std::nullopt;
    return *whole;
  }
  if (const auto* real = number.if_double()) {
    if (!(*real >= 0) || *real > kMost || std::floor(*real) != *real) return std::nullopt;
    return static_cast<std::uint64_t>(*real);
  }
  return std::nullopt;
}

Result<std::optional<std::uint64_t>> OptionalWhole(const object& from, std::string_view key) {
  const value* found = Member(from, key);
  if (found == nullptr) return std::optional<std::uint64_t>();
  const auto whole = AsWhole(*found);
  if (!whole) return std::unexpected(WrongType(key, "a whole number of 0 or more"));
  return whole;
}

Result<std::vector<std::string>> TextList(const object& from, std::string_view key, std::size_t most) {
  std::vector<std::string> texts;
  const value* found = Member(from, key);
  if (found == nullptr) return texts;
  if (!found->is_array()) return std::unexpected(WrongType(key, "a list of strings"));
  const array& items = found->get_array();
  if (items.size() > most) {
    return std::unexpected(WrongType(key, "a list of at most " + std::to_string(most) + " strings"));
  }
  texts.reserve(items.size());
  for (const value& item : items) {
    if (!item.is_string()) return std::unexpected(WrongType(key, "a list of strings"));
    texts.emplace_back(item.get_string());
  }
  return texts;
}

}  // namespace tidings::json
