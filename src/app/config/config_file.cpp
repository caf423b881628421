#include "config_file.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace tidings::app {

namespace {

std::string Place(const std::string& path, const toml::source_region& source) {
  return path + ":" + std::to_string(source.begin.line);
}

// The text of a plain value; nothing for tables, arrays and dates.
std::optional<std::string> TextOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) {
    std::ostringstream out;
    out << number->get();
    return out.str();
  }
  return std::nullopt;
}

Status Collect(const std::string& path, const std::string& prefix, const toml::table& table,
               std::vector<FileEntry>& entries) {
  for (const auto& [name, node] : table) {
    FileEntry entry{prefix + std::string(name.str()), Place(path, node.source()), {}};
    if (const toml::table* const inner = node.as_table()) {
      if (auto done = Collect(path, entry.key + ".", *inner, entries); !done) return done;
      continue;
    }
    const auto refuse = [&] {
      return Fail(ErrorCode::kInvalid, entry.where + ": \"" + entry.key + "\" is neither a text, a number, true or " +
                                           "false, nor an array of texts");
    };
    if (const toml::array* const list = node.as_array()) {
      entry.written.list = true;
      for (const toml::node& item : *list) {
        auto text = TextOf(item);
        if (!text) return refuse();
        entry.written.texts.push_back(*std::move(text));
      }
    } else {
      auto text = TextOf(node);
      if (!text) return refuse();
      entry.written.texts.push_back(*std::move(text));
    }
    entries.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

Result<std::vector<FileEntry>> ReadConfigFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return Fail(ErrorCode::kInvalid, "the config file " + path + " cannot be read: " + std::strerror(errno));
  }
  const toml::parse_result parsed = toml::parse(text.view(), path);
  if (!parsed) {
    return Fail(ErrorCode::kInvalid,
                Place(path, parsed.error().source()) + ": no TOML: " + std::string(parsed.error().description()));
  }
  std::vector<FileEntry> entries;
  if (auto done = Collect(path, "", parsed.table(), entries); !done) return std::unexpected(done.error());
  return entries;
}

}  // namespace tidings::app
