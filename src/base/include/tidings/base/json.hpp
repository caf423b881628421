// JSON: reading by Boost.JSON with bounds, writing by appending to a string.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>

namespace tidings::json {

using boost::json::array;
using boost::json::object;
using boost::json::serialize;
using boost::json::value;

inline constexpr std::size_t kMaxDepth = 64;

// Parses one JSON text: strict RFC 8259, well-formed UTF-8, no lone surrogates, no number beyond a double's range,
// at most kMaxDepth levels. The last of duplicate keys counts. kMalformed otherwise.
Result<value> Parse(std::string_view text);

// Appends `text` as a JSON string with its quotes; only ", \ and control characters are escaped, all else stays plain
// UTF-8. REQUIRES: IsUtf8(text).
void AppendString(std::string& out, std::string_view text);
void AppendNumber(std::string& out, std::uint64_t number);
// Appends the quoted RFC 3339 time.
void AppendTimeString(std::string& out, Millis at);
std::string Quote(std::string_view text);

// One object written member by member:
//   std::string out;
//   json::ObjectWriter(out).Text("name", name).Number("seq", 4).Raw("data", json).End();
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ObjectWriter& Text(std::string_view key, std::string_view value);
  ObjectWriter& Number(std::string_view key, std::uint64_t value);
  ObjectWriter& Bool(std::string_view key, bool value);
  ObjectWriter& Time(std::string_view key, Millis at);
  ObjectWriter& Null(std::string_view key);
  // `json` is a complete JSON text.
  ObjectWriter& Raw(std::string_view key, std::string_view json);
  // Writes the key; the caller appends the value to the string itself.
  std::string& Key(std::string_view key);
  void End() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

// Members of an object by type; nothing if missing or null; kInvalid naming the member if of another type.
Result<std::optional<std::string>> OptionalText(const object& from, std::string_view key);
Result<std::string> RequiredText(const object& from, std::string_view key);
Result<std::optional<bool>> OptionalBool(const object& from, std::string_view key);
// A whole number from 0 to 2^53 - 1 (also written as 5.0).
Result<std::optional<std::uint64_t>> OptionalWhole(const object& from, std::string_view key);
// The same for a value by itself; nothing if it is none.
std::optional<std::uint64_t> AsWhole(const value& number);
Result<std::vector<std::string>> TextList(const object& from, std::string_view key, std::size_t most);

}  // namespace tidings::json
