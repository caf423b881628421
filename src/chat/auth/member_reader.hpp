// Reads the top-level members of a JSON object that a caller asks for, without building a tree of the others.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>

namespace tidings::auth {

struct Member {
  enum class Kind { kMissing, kNull, kNumber, kText, kTexts, kOther };

  std::string_view key;
  Kind kind = Kind::kMissing;
  std::string text;                // kText
  std::vector<std::string> texts;  // kTexts, an array of nothing but strings
  double number = 0;               // kNumber

  // Missing, or null, which some issuers write instead.
  bool Absent() const { return kind == Kind::kMissing || kind == Kind::kNull; }
};

// Fills the members that are in `json`. kMalformed, without a word of the text itself: no JSON object, deeper than 32
// levels, or one of the members stands there twice (RFC 7519 §4).
Status ReadMembers(std::string_view json, std::span<Member> members);

}  // namespace tidings::auth
