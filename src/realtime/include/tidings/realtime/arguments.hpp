// The arguments of an event or of an acknowledgement.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>

namespace tidings::realtime {

// Binary among arguments: Arguments::Of("photo.png", Binary{bytes}).
struct Binary {
  std::string_view bytes;
};
// JSON that is already text: Arguments::Of(RawJson{R"({"a":1})"}). REQUIRES: one well-formed JSON value, UTF-8.
struct RawJson {
  std::string_view text;
};

// JSON values, written as text, and the attachments that placeholders in them name ({"_placeholder":true,"num":0}).
class Arguments {
 public:
  Arguments() = default;
  // From numbers, texts, bool, nullptr, json::value and its kinds, Binary and RawJson, in any mix.
  template <class... Values>
  static Arguments Of(const Values&... values) {
    Arguments made;
    (made.Add(values), ...);
    return made;
  }
  // `text` is the values with commas between: 1,"two",{"three":3}. REQUIRES: well-formed JSON values, UTF-8.
  static Arguments OfText(std::string text) {
    Arguments made;
    made.text_ = std::move(text);
    return made;
  }

  template <class Value>
  Arguments& Add(const Value& value) {
    if constexpr (std::is_same_v<Value, Binary>) {
      AddBinary(value.bytes);
    } else if constexpr (std::is_same_v<Value, RawJson>) {
      Next() += value.text;
    } else if constexpr (std::is_same_v<Value, bool>) {
      Next() += value ? "true" : "false";
    } else if constexpr (std::is_same_v<Value, std::nullptr_t>) {
      Next() += "null";
    } else if constexpr (std::is_integral_v<Value>) {
      Next() += std::to_string(value);
    } else if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
      json::AppendString(Next(), value);
    } else {
      AddValue(json::value(value));
    }
    return *this;
  }
  // Appends an attachment as an argument of its own.
  Arguments& AddBinary(std::string_view bytes);
  // Registers an attachment and gives the placeholder that stands for it inside of a json value.
  json::value Attach(std::string_view bytes);

  // The values with commas between, as they came or were added.
  const std::string& text() const { return text_; }
  const std::vector<Bytes>& attachments() const { return attachments_; }

 protected:
  std::string text_;
  std::vector<Bytes> attachments_;

 private:
  void AddValue(const json::value& value);
  std::string& Next() {
    if (!text_.empty()) text_ += ',';
    return text_;
  }
};

// Arguments that came in: they can be read, and passed on byte for byte.
class Args : public Arguments {
 public:
  Args() = default;
  // REQUIRES: `text` is that of `values` from number `first` on, without brackets, and each placeholder in it names
  // one of `attachments`.
  Args(json::array values, std::size_t first, std::string text, std::vector<Bytes> attachments);

  std::size_t size() const { return values_.size() - first_; }
  bool empty() const { return size() == 0; }
  // The i-th value; null past the end. A binary value reads as its placeholder object.
  const json::value& at(std::size_t i) const;
  // The bytes that the i-th value stands for, or that `value`, from anywhere within, stands for; null if it is not
  // binary.
  const Bytes* binary(std::size_t i) const { return binary(at(i)); }
  const Bytes* binary(const json::value& value) const;

 private:
  json::array values_;
  std::size_t first_ = 0;
};

}  // namespace tidings::realtime
