#include "resp.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace tidings::redis {
namespace {

// "$12\r\n": what is before an argument, and before all of them.
void AppendHead(std::string& out, char kind, std::size_t number) {
  std::array<char, 24> head;
  head[0] = kind;
  char* end = std::to_chars(head.data() + 1, head.data() + head.size() - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(head.data(), static_cast<std::size_t>(end - head.data()));
}

// The number that is all of `line`; nothing if it is none.
std::optional<std::int64_t> NumberIn(std::string_view line) {
  std::int64_t number = 0;
  // Nearly all are lengths, short ones.
  constexpr std::size_t kShort = 9;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!line.empty() && line.size() <= kShort && std::ranges::all_of(line, is_digit)) {
    for (const char c : line) number = number * 10 + (c - '0');
    return number;
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return number;
}

}  // namespace

void Arguments::Begin(std::size_t size) {
  ++count_;
  AppendHead(bytes_, '$', size);
}

void Arguments::End() { bytes_ += "\r\n"; }

Arguments& Arguments::Add(std::string_view value) {
  return AddWritten(value.size(), [&](std::string& out) { out += value; });
}

Arguments& Arguments::Add(std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return Add(std::string_view(digits.data(), end));
}

Arguments& Arguments::AddAll(const Arguments& others) {
  bytes_ += others.bytes_;
  count_ += others.count_;
  return *this;
}

void AppendArrayHead(std::string& out, std::size_t count) { AppendHead(out, '*', count); }

std::string ArrayHead(std::size_t count) {
  std::string head;
  AppendArrayHead(head, count);
  return head;
}

std::string Value::Describe() const {
  switch (type()) {
    case ReplyType::kSimple: return "the status " + std::string(text().substr(0, 100));
    case ReplyType::kError: return "the error " + std::string(text().substr(0, 200));
    case ReplyType::kInteger: return "the number " + std::to_string(integer());
    case ReplyType::kBulk: return "a text of " + std::to_string(text().size()) + " bytes";
    case ReplyType::kNull: return "nothing";
    case ReplyType::kArray: return "an array of " + std::to_string(size());
  }
  return "nothing";
}

void ReplyParser::Next() {
  nodes_.clear();
  open_.clear();
  at_ = scanned_ = bulk_ = wanted_ = 0;
  in_bulk_ = whole_ = false;
}

ReplyParser::Step ReplyParser::Broken(std::string what) {
  broken_ = std::move(what);
  return Step::kBroken;
}

void ReplyParser::Complete() {
  while (!open_.empty() && --open_.back().missing == 0) {
    nodes_[open_.back().node].next = static_cast<std::uint32_t>(nodes_.size());
    open_.pop_back();
  }
  whole_ = open_.empty();
}

Result<bool> ReplyParser::Parse(std::string_view bytes) {
  Step step = broken_.empty() ? Step::kDone : Step::kBroken;
  while (step == Step::kDone && !whole_) {
    step = in_bulk_ ? ParseBulk(bytes) : ParseLine(bytes);
    if (at_ > kMostReply) step = Broken("it is longer than " + std::to_string(kMostReply) + " bytes");
  }
  if (step == Step::kBroken) return Fail(ErrorCode::kMalformed, "what came is no answer of Redis: " + broken_);
  return step == Step::kDone;
}

ReplyParser::Step ReplyParser::ParseBulk(std::string_view bytes) {
  wanted_ = at_ + bulk_ + 2;
  if (bytes.size() < wanted_) return Step::kMissing;
  if (bytes[at_ + bulk_] != '\r' || bytes[at_ + bulk_ + 1] != '\n')
    return Broken("a text does not end where it should");
  const auto next = static_cast<std::uint32_t>(nodes_.size() + 1);
  nodes_.push_back(Value::Node{ReplyType::kBulk, next, 0, at_, bulk_});
  at_ = scanned_ = wanted_;
  in_bulk_ = false;
  Complete();
  return Step::kDone;
}

ReplyParser::Step ReplyParser::ParseLine(std::string_view bytes) {
  const char* from = bytes.data() + std::max(scanned_, at_);
  const std::size_t left = bytes.size() - std::max(scanned_, at_);
  const void* found = left > 0 ? std::memchr(from, '\n', left) : nullptr;
  if (found == nullptr) {
    scanned_ = bytes.size();
    wanted_ = bytes.size() + 1;
    if (bytes.size() - at_ > kMostLine) return Broken("a line has no end");
    return Step::kMissing;
  }
  const std::size_t end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
  if (end - at_ > kMostLine) return Broken("a line is too long");
  if (end - at_ < 2 || bytes[end - 1] != '\r') return Broken("a line does not end with CR LF");
  const char kind = bytes[at_];
  const std::size_t offset = at_ + 1;
  const std::string_view line = bytes.substr(offset, end - 1 - offset);
  if (nodes_.size() >= kMostNodes) return Broken("it has too many parts");
  at_ = scanned_ = end + 1;
  const auto next = static_cast<std::uint32_t>(nodes_.size() + 1);
  if (kind == '+' || kind == '-') {
    nodes_.push_back(Value::Node{kind == '+' ? ReplyType::kSimple : ReplyType::kError, next, 0, offset, line.size()});
    Complete();
    return Step::kDone;
  }
  const auto parsed = NumberIn(line);
  if (!parsed) return Broken("a number is none");
  const std::int64_t number = *parsed;
  if (kind == ':') {
    nodes_.push_back(Value::Node{ReplyType::kInteger, next, number, offset, line.size()});
    Complete();
    return Step::kDone;
  }
  if (kind != '$' && kind != '*') return Broken("a part begins with byte " + std::to_string(kind));
  if (number == -1) {
    nodes_.push_back(Value::Node{ReplyType::kNull, next, 0, offset, 0});
    Complete();
    return Step::kDone;
  }
  if (number < 0) return Broken("a length is negative");
  if (kind == '$') {
    if (static_cast<std::size_t>(number) > kMostBulk) return Broken("a text is too long");
    bulk_ = static_cast<std::size_t>(number);
    in_bulk_ = true;
    return Step::kDone;
  }
  if (static_cast<std::size_t>(number) > kMostNodes) return Broken("it has too many parts");
  if (open_.size() >= kMostDepth) return Broken("it is nested too deeply");
  nodes_.push_back(Value::Node{ReplyType::kArray, next, number, offset, 0});
  if (number == 0) {
    Complete();
  } else {
    open_.push_back(Open{static_cast<std::uint32_t>(nodes_.size() - 1), number});
  }
  return Step::kDone;
}

}  // namespace tidings::redis
