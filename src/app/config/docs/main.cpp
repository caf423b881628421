// Writes the table of settings into a document, between its two marks.
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include <tidings/app/config.hpp>

int main(int count, char** arguments) {
  constexpr std::string_view kBegin = "<!-- settings -->\n";
  constexpr std::string_view kEnd = "<!-- end of settings -->\n";
  if (count != 2) {
    std::fputs("usage: config_docs FILE\n", stderr);
    return 2;
  }
  std::ostringstream text;
  text << std::ifstream(arguments[1]).rdbuf();
  std::string document = text.str();
  const auto begin = document.find(kBegin);
  const auto end = document.find(kEnd);
  if (begin == document.npos || end == document.npos || end < begin) {
    std::fprintf(stderr, "%s has no place for the settings\n", arguments[1]);
    return 1;
  }
  const auto from = begin + kBegin.size();
  document.replace(from, end - from, tidings::app::SettingsTable());
  std::ofstream out(arguments[1], std::ios::trunc);
  out << document;
  out.close();
  if (out.fail()) {
    std::fprintf(stderr, "%s cannot be written\n", arguments[1]);
    return 1;
  }
  return 0;
}
