// The outcome of a run as one line of JSON.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace tidings::bench {

class Report {
 public:
  void Add(std::string_view name, double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    Append(name, text);
  }
  void Add(std::string_view name, std::integral auto value) { Append(name, std::to_string(value)); }
  void Add(std::string_view name, std::string_view value) {
    Append(name, std::string("\"").append(value).append("\""));
  }

  std::string Line() const { return "{" + fields_ + "}\n"; }

 private:
  void Append(std::string_view name, std::string_view json) {
    if (!fields_.empty()) fields_ += ",";
    fields_.append("\"").append(name).append("\":").append(json);
  }

  std::string fields_;
};

}  // namespace tidings::bench
