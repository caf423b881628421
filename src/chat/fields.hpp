// The fields of a record: a tag, then a varint or a length and bytes. See docs/format.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidings::chat {

class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) {}
  // Writes nothing for 0 and for "".
  void Number(std::uint8_t tag, std::uint64_t value) {
    if (value == 0) return;
    out_ += static_cast<char>(tag << 1);
    Varint(value);
  }
  void Text(std::uint8_t tag, std::string_view bytes) {
    if (bytes.empty()) return;
    out_ += static_cast<char>(tag << 1 | 1);
    Varint(bytes.size());
    out_ += bytes;
  }

 private:
  void Varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }

  std::string& out_;
};

// One field; `text` borrows from what is read.
struct Field {
  std::uint8_t tag = 0;
  std::uint64_t number = 0;
  std::string_view text;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view data) : data_(data) {}
  // The next field; nothing at the end or at damage, which `Sound` tells apart.
  std::optional<Field> Next() {
    if (data_.empty()) return std::nullopt;
    Field field;
    const auto head = static_cast<std::uint8_t>(data_.front());
    data_.remove_prefix(1);
    field.tag = head >> 1;
    const auto value = Varint();
    if (!value) return Damaged();
    if ((head & 1) == 0) {
      field.number = *value;
      return field;
    }
    if (*value > data_.size()) return Damaged();
    field.text = data_.substr(0, *value);
    data_.remove_prefix(*value);
    return field;
  }
  bool Sound() const { return sound_; }

 private:
  std::optional<Field> Damaged() {
    sound_ = false;
    data_ = {};
    return std::nullopt;
  }
  std::optional<std::uint64_t> Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (data_.empty()) return std::nullopt;
      const auto byte = static_cast<std::uint8_t>(data_.front());
      data_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::string_view data_;
  bool sound_ = true;
};

}  // namespace tidings::chat
