#include <tidings/realtime/http.hpp>

namespace tidings::realtime {

namespace {

std::string_view First(const std::vector<std::pair<std::string, std::string>>& from, std::string_view name) {
  for (const auto& [key, value] : from) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

std::string_view HttpRequest::Query(std::string_view name) const { return First(query, name); }

std::string_view HttpRequest::Header(std::string_view lower_case_name) const { return First(headers, lower_case_name); }

}  // namespace tidings::realtime
