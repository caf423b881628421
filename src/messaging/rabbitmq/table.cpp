#include "table.hpp"

#include <array>
#include <bit>
#include <charconv>

#include <tidings/base/bytes.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/json.hpp>

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::uint64_t kMostSeconds = 253'402'300'799;  // the end of the year 9999

Value Integer(std::int64_t number) {
  Value value;
  value.kind = Value::Kind::kInteger;
  value.integer = number;
  return value;
}

Value Whole(Value::Kind kind, std::uint64_t number) {
  Value value;
  value.kind = kind;
  value.whole = number;
  return value;
}

Value Double(double number) {
  Value value;
  value.kind = Value::Kind::kDouble;
  value.number = number;
  return value;
}

Value Texts(Value::Kind kind, std::string_view text) {
  Value value;
  value.kind = kind;
  value.text = text;
  return value;
}

std::optional<Value> ReadArray(std::string_view content, int depth) {
  if (depth > kMostDepth) return std::nullopt;
  Value array;
  array.kind = Value::Kind::kArray;
  Reader reader(content);
  while (!reader.done()) {
    const char type = static_cast<char>(reader.U8());
    auto value = ReadValue(reader, type, depth);
    if (!value) return std::nullopt;
    array.children.push_back(std::move(*value));
  }
  return array;
}

std::string DecimalText(std::uint64_t whole, std::uint8_t scale) {
  std::string digits = std::to_string(whole);
  if (scale == 0) return digits;
  if (digits.size() <= scale) digits.insert(0, scale + 1u - digits.size(), '0');
  digits.insert(digits.size() - scale, ".");
  return digits;
}

std::string DoubleText(double number) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return std::string(digits.data(), error == std::errc() ? end : digits.data());
}

void AppendJson(std::string& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kVoid: out += "null"; return;
    case Value::Kind::kTime:
    case Value::Kind::kText:
    case Value::Kind::kBytes: {
      const std::string text = value.Text();
      json::AppendString(out, IsUtf8(text) ? text : Base64Encode(text));
      return;
    }
    case Value::Kind::kArray: {
      out += '[';
      for (const Value& child : value.children) {
        if (out.back() != '[') out += ',';
        AppendJson(out, child);
      }
      out += ']';
      return;
    }
    case Value::Kind::kTable: {
      out += '{';
      for (const Value& child : value.children) {
        if (out.back() != '{') out += ',';
        json::AppendString(out, IsUtf8(child.name) ? child.name : Base64Encode(child.name));
        out += ':';
        AppendJson(out, child);
      }
      out += '}';
      return;
    }
    default: out += value.Text();
  }
}

}  // namespace

const Value* Value::Find(std::string_view wanted) const {
  for (const Value& child : children) {
    if (child.name == wanted) return &child;
  }
  return nullptr;
}

std::string Value::Text() const {
  switch (kind) {
    case Kind::kVoid: return "";
    case Kind::kBool: return integer != 0 ? "true" : "false";
    case Kind::kInteger: return std::to_string(integer);
    case Kind::kUnsigned: return std::to_string(whole);
    case Kind::kDouble: return DoubleText(number);
    case Kind::kDecimal: return DecimalText(whole, scale);
    case Kind::kTime:
      return whole <= kMostSeconds ? FormatTime(static_cast<Millis>(whole * 1000)) : std::to_string(whole);
    case Kind::kText:
    case Kind::kBytes: return text;
    case Kind::kArray:
    case Kind::kTable: break;
  }
  std::string out;
  AppendJson(out, *this);
  return out;
}

std::optional<Value> ReadValue(Reader& reader, char type, int depth) {
  std::optional<Value> value;
  switch (type) {
    case 't':
      value = Integer(reader.U8() != 0 ? 1 : 0);
      value->kind = Value::Kind::kBool;
      break;
    case 'b': value = Integer(static_cast<std::int8_t>(reader.U8())); break;
    case 'B': value = Whole(Value::Kind::kUnsigned, reader.U8()); break;
    case 's': value = Integer(static_cast<std::int16_t>(reader.U16())); break;
    case 'u': value = Whole(Value::Kind::kUnsigned, reader.U16()); break;
    case 'I': value = Integer(static_cast<std::int32_t>(reader.U32())); break;
    case 'i': value = Whole(Value::Kind::kUnsigned, reader.U32()); break;
    case 'l':
    case 'L': value = Integer(static_cast<std::int64_t>(reader.U64())); break;
    case 'f': value = Double(std::bit_cast<float>(reader.U32())); break;
    case 'd': value = Double(std::bit_cast<double>(reader.U64())); break;
    case 'D': {
      const std::uint8_t scale = reader.U8();
      value = Whole(Value::Kind::kDecimal, reader.U32());
      value->scale = scale;
      break;
    }
    case 'T': value = Whole(Value::Kind::kTime, reader.U64()); break;
    case 'S': value = Texts(Value::Kind::kText, reader.LongText()); break;
    case 'x': value = Texts(Value::Kind::kBytes, reader.LongText()); break;
    case 'V': value = Value(); break;
    case 'A': value = ReadArray(reader.LongText(), depth + 1); break;
    case 'F': value = ReadTable(reader.LongText(), depth + 1); break;
    default: return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return value;
}

std::optional<Value> ReadTable(std::string_view content, int depth) {
  if (depth > kMostDepth) return std::nullopt;
  Value table;
  table.kind = Value::Kind::kTable;
  Reader reader(content);
  while (!reader.done()) {
    std::string name(reader.ShortText());
    const char type = static_cast<char>(reader.U8());
    auto value = ReadValue(reader, type, depth);
    if (!value) return std::nullopt;
    value->name = std::move(name);
    table.children.push_back(std::move(*value));
  }
  return table;
}

}  // namespace tidings::messaging::rabbitmq
