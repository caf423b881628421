#include "member_reader.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cmath>

namespace tidings::auth {

namespace {

using Text = boost::json::string_view;
using Failure = boost::json::error_code;
using Kind = Member::Kind;

// What boost::json::basic_parser calls while it reads. `depth` counts objects and arrays that are open.
class Handler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit Handler(std::span<Member> members) : members_(members) {}

  bool on_document_begin(Failure&) { return true; }
  bool on_document_end(Failure&) { return true; }

  bool on_object_begin(Failure&) {
    is_object_ = is_object_ || depth_ == 0;
    Open(Kind::kOther);
    return true;
  }
  bool on_object_end(std::size_t, Failure&) { return Close(); }
  bool on_array_begin(Failure&) {
    Open(depth_ == 1 ? Kind::kTexts : Kind::kOther);
    return true;
  }
  bool on_array_end(std::size_t, Failure&) { return Close(); }

  bool on_key_part(Text part, std::size_t, Failure&) {
    if (depth_ == 1) key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(Text part, std::size_t, Failure& failure) {
    if (depth_ != 1) return true;
    key_.append(part.data(), part.size());
    current_ = nullptr;
    for (Member& member : members_) {
      if (member.key == key_) current_ = &member;
    }
    key_.clear();
    if (current_ == nullptr || current_->kind == Kind::kMissing) return true;
    twice_ = true;
    return Stop(failure);
  }

  bool on_string_part(Text part, std::size_t, Failure&) {
    if (current_ != nullptr && depth_ <= 2) text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(Text part, std::size_t size, Failure& failure) {
    on_string_part(part, size, failure);
    if (current_ != nullptr && depth_ == 1) {
      current_->kind = Kind::kText;
      current_->text = std::move(text_);
    } else if (current_ != nullptr && depth_ == 2 && current_->kind == Kind::kTexts) {
      current_->texts.push_back(std::move(text_));
    }
    text_.clear();
    return true;
  }

  bool on_number_part(Text, Failure&) { return true; }
  bool on_int64(std::int64_t number, Text, Failure&) { return Number(static_cast<double>(number)); }
  bool on_uint64(std::uint64_t number, Text, Failure&) { return Number(static_cast<double>(number)); }
  bool on_double(double number, Text, Failure&) { return Number(number); }
  bool on_bool(bool, Failure&) { return Plain(Kind::kOther); }
  bool on_null(Failure&) { return Plain(Kind::kNull); }
  bool on_comment_part(Text, Failure&) { return true; }
  bool on_comment(Text, Failure&) { return true; }

  bool is_object() const { return is_object_; }
  bool twice() const { return twice_; }

 private:
  static bool Stop(Failure& failure) {
    failure = boost::json::error::syntax;
    return false;
  }

  // A value that is no string begins or stands here.
  bool Plain(Kind kind) {
    if (current_ == nullptr) return true;
    if (depth_ == 1) current_->kind = kind;
    if (depth_ == 2) current_->kind = Kind::kOther;
    return true;
  }
  bool Number(double number) {
    if (current_ != nullptr && depth_ == 1) current_->number = number;
    return Plain(std::isfinite(number) ? Kind::kNumber : Kind::kOther);
  }
  void Open(Kind kind) {
    Plain(kind);
    ++depth_;
  }
  bool Close() {
    --depth_;
    return true;
  }

  std::span<Member> members_;
  Member* current_ = nullptr;
  std::string key_;
  std::string text_;
  int depth_ = 0;
  bool is_object_ = false;
  bool twice_ = false;
};

}  // namespace

Status ReadMembers(std::string_view json, std::span<Member> members) {
  boost::json::basic_parser<Handler> parser({}, members);
  Failure failure;
  const std::size_t read = parser.write_some(false, json.data(), json.size(), failure);
  if (parser.handler().twice()) return Fail(ErrorCode::kMalformed, "a member is there twice");
  if (failure || read != json.size()) return Fail(ErrorCode::kMalformed, "not well-formed JSON");
  if (!parser.handler().is_object()) return Fail(ErrorCode::kMalformed, "not a JSON object");
  return {};
}

}  // namespace tidings::auth
