// RESP2, the protocol of Redis, without I/O: commands are written as arrays of bulk strings, replies are read from bytes that
// come in pieces. https://redis.io/docs/reference/protocol-spec/
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>

namespace tidings::redis {

// The arguments of a command as they go out, counted, without the line that says how many there are.
class Arguments {
 public:
  Arguments() = default;
  Arguments(std::initializer_list<std::string_view> values) {
    for (const std::string_view value : values) Add(value);
  }
  Arguments& Add(std::string_view value);
  Arguments& Add(std::int64_t value);
  Arguments& AddAll(const Arguments& others);
  // Makes room for so many bytes more.
  Arguments& Reserve(std::size_t bytes) {
    bytes_.reserve(bytes_.size() + bytes);
    return *this;
  }
  // An argument of `size` bytes that `write` appends.
  template <class Write>
  Arguments& AddWritten(std::size_t size, Write write) {
    Begin(size);
    write(bytes_);
    End();
    return *this;
  }

  std::size_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  void Begin(std::size_t size);
  void End();
  std::string bytes_;
  std::size_t count_ = 0;
};

// "*count\r\n".
void AppendArrayHead(std::string& out, std::size_t count);
std::string ArrayHead(std::size_t count);

enum class ReplyType : std::uint8_t { kSimple, kError, kInteger, kBulk, kNull, kArray };

// A value in the bytes that the parser was given; valid as long as those and the parser are left alone.
class Value {
 public:
  struct Node {
    ReplyType type;
    std::uint32_t next;   // the node after this one and all inside it
    std::int64_t number;  // of an integer; how many elements an array has
    std::size_t offset;   // of the text in the reply's bytes
    std::size_t size;
  };

  Value(const Node* node, const char* bytes, const Node* nodes) : node_(node), bytes_(bytes), nodes_(nodes) {}

  ReplyType type() const { return node_->type; }
  bool is_error() const { return node_->type == ReplyType::kError; }
  bool is_null() const { return node_->type == ReplyType::kNull; }
  bool is_array() const { return node_->type == ReplyType::kArray; }
  bool is_integer() const { return node_->type == ReplyType::kInteger; }
  bool is_text() const { return node_->type == ReplyType::kBulk || node_->type == ReplyType::kSimple; }
  // "" for what has none; an error's with its code word.
  std::string_view text() const { return std::string_view(bytes_ + node_->offset, node_->size); }
  // 0 for what is no integer.
  std::int64_t integer() const { return is_integer() ? node_->number : 0; }
  // Elements; 0 for what is no array.
  std::size_t size() const { return is_array() ? static_cast<std::size_t>(node_->number) : 0; }
  // "an array of 3", "an integer": for messages about replies that nobody expected.
  std::string Describe() const;

  // All of the reply that it is of, to keep it.
  const Node* nodes() const { return nodes_; }
  std::size_t node_count() const { return nodes_->next; }
  const char* bytes() const { return bytes_; }
  std::size_t byte_count() const {
    const Node& last = nodes_[nodes_->next - 1];
    return last.offset + last.size;
  }

  class Iterator {
   public:
    Iterator(std::uint32_t at, const char* bytes, const Node* nodes) : at_(at), bytes_(bytes), nodes_(nodes) {}
    Value operator*() const { return Value(nodes_ + at_, bytes_, nodes_); }
    Iterator& operator++() {
      at_ = nodes_[at_].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    std::uint32_t at_;
    const char* bytes_;
    const Node* nodes_;
  };
  Iterator begin() const { return Iterator(static_cast<std::uint32_t>(node_ - nodes_) + 1, bytes_, nodes_); }
  Iterator end() const {
    return Iterator(is_array() ? node_->next : static_cast<std::uint32_t>(node_ - nodes_) + 1, bytes_, nodes_);
  }
  // REQUIRES: index < size(). As dear as its index is high.
  Value operator[](std::size_t index) const {
    Iterator at = begin();
    for (; index > 0; --index) ++at;
    return *at;
  }

 private:
  const Node* node_;
  const char* bytes_;
  const Node* nodes_;
};

// Reads one reply after the other, each byte once. What is read is bounded; past a bound, or where the bytes are no RESP2,
// Parse fails and so does every call after it.
class ReplyParser {
 public:
  static constexpr std::size_t kMostBulk = 64 * 1024 * 1024;
  static constexpr std::size_t kMostReply = 256 * 1024 * 1024;
  static constexpr std::size_t kMostNodes = 1 << 20;
  static constexpr std::size_t kMostLine = 64 * 1024;
  static constexpr std::size_t kMostDepth = 8;

  // `bytes` begin where the reply does and hold all of it that has come so far. True: the reply is whole, value() shows it
  // and consumed() says how long it was; Next() before the following one. False: more bytes are needed.
  Result<bool> Parse(std::string_view bytes);
  // REQUIRES: the last Parse returned true, and `bytes` are those that it was given.
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the nodes know how long each text in it is
  Value value(std::string_view bytes) const { return Value(nodes_.data(), bytes.data(), nodes_.data()); }
  std::size_t consumed() const { return at_; }
  // How many bytes the reply has at least, as far as is known: to make room for.
  std::size_t wanted() const { return wanted_; }
  void Next();

 private:
  struct Open {
    std::uint32_t node;
    std::int64_t missing;
  };
  enum class Step : std::uint8_t { kDone, kMissing, kBroken };
  Step ParseLine(std::string_view bytes);
  Step ParseBulk(std::string_view bytes);
  Step Broken(std::string what);
  // A value is there: closes the arrays that it ends.
  void Complete();

  std::vector<Value::Node> nodes_;
  std::vector<Open> open_;
  std::size_t at_ = 0;       // what is behind it was read
  std::size_t scanned_ = 0;  // no line end is before it
  std::size_t bulk_ = 0;     // size of the bulk string that is being read
  std::size_t wanted_ = 0;
  bool in_bulk_ = false;
  bool whole_ = false;
  std::string broken_;  // why; empty: it is not
};

}  // namespace tidings::redis
