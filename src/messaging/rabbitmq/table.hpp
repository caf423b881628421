// Tables: AMQP's typed headers and arguments (§4.2.5.5, with the types that RabbitMQ's errata give them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire.hpp"

namespace tidings::messaging::rabbitmq {

// A value of any type that a broker or another client may send.
class Value {
 public:
  enum class Kind { kVoid, kBool, kInteger, kUnsigned, kDouble, kDecimal, kTime, kText, kBytes, kArray, kTable };

  Kind kind = Kind::kVoid;
  std::int64_t integer = 0;     // kBool, kInteger
  std::uint64_t whole = 0;      // kUnsigned, kTime (seconds), kDecimal (without its point)
  std::uint8_t scale = 0;       // kDecimal: digits after the point
  double number = 0;            // kDouble
  std::string text;             // kText, kBytes
  std::vector<Value> children;  // kTable, kArray
  std::string name;             // of a table's member

  // A table's member; null if there is none.
  const Value* Find(std::string_view wanted) const;
  bool IsTrue() const { return kind == Kind::kBool && integer != 0; }
  // As a header's value: texts and bytes as they are, numbers in decimal, times as RFC 3339, nothing as "", arrays and
  // tables as JSON.
  std::string Text() const;
};

// Values within values, at most.
inline constexpr int kMostDepth = 16;

// A value whose type was read already. Nothing if it is malformed, of an unknown type or too deep.
std::optional<Value> ReadValue(Reader& reader, char type, int depth = 0);
// A table's content, without its length.
std::optional<Value> ReadTable(std::string_view content, int depth = 0);

// Writes a table in place:
//   TableWriter table(writer);
//   table.Text("x-queue-type", "quorum");
//   table.End();
class TableWriter {
 public:
  explicit TableWriter(Writer& writer) : writer_(writer), begin_(writer.BeginLength()) {}
  TableWriter(TableWriter& outer, std::string_view name)
      : writer_(Named(outer.writer_, name, 'F')), begin_(writer_.BeginLength()) {}

  TableWriter& Text(std::string_view name, std::string_view value) {
    Named(writer_, name, 'S').LongText(value);
    return *this;
  }
  TableWriter& Bytes(std::string_view name, std::string_view value) {
    Named(writer_, name, 'x').LongText(value);
    return *this;
  }
  TableWriter& Bool(std::string_view name, bool value) {
    Named(writer_, name, 't').U8(value ? 1 : 0);
    return *this;
  }
  TableWriter& Integer(std::string_view name, std::int64_t value) {
    Named(writer_, name, 'l').U64(static_cast<std::uint64_t>(value));
    return *this;
  }
  // A value as it came: its type's letter and its bytes.
  TableWriter& Raw(std::string_view name, std::string_view value) {
    writer_.ShortText(name);
    writer_.Bytes(value);
    return *this;
  }
  void End() { writer_.EndLength(begin_); }

 private:
  static Writer& Named(Writer& writer, std::string_view name, char type) {
    writer.ShortText(name);
    writer.U8(static_cast<std::uint8_t>(type));
    return writer;
  }

  Writer& writer_;
  std::size_t begin_;
};

}  // namespace tidings::messaging::rabbitmq
