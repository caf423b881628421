#include <algorithm>

#include <tidings/app/config.hpp>

#include "settings.hpp"
#include "value.hpp"

namespace tidings::app {

namespace {

std::string Comment(const Origin& origin) {
  switch (origin.kind) {
    case Origin::Kind::kDefault: return "default";
    case Origin::Kind::kFile: return "file " + origin.where;
    case Origin::Kind::kEnvironment: return "environment " + origin.where;
    case Origin::Kind::kFlag: return "flag " + origin.where;
  }
  return "";
}

// In a cell of a table, a bar ends the cell.
std::string Cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.replace(at, 1, "\\|");
  return text;
}

}  // namespace

std::string DescribeConfig(const LoadedConfig& loaded) {
  constexpr std::size_t kColumn = 56;
  std::string out = "# The settings in force and where each comes from. Secrets are masked.\n";
  const auto settings = Settings();
  for (std::size_t i = 0; i < settings.size(); ++i) {
    std::string line = std::string(settings[i].key) + " = " + Format(settings[i], loaded.config);
    line.resize(std::max(line.size(), kColumn), ' ');
    out += line + "  # " + Comment(loaded.origins[i]) + "\n";
  }
  return out;
}

std::string SettingsTable() {
  std::string out = "| Setting | Variable | Default | Meaning |\n|---|---|---|---|\n";
  for (const Setting& setting : Settings()) {
    const std::string domain = Domain(setting);
    out += "| `" + std::string(setting.key) + "` | `" + EnvironmentNames(setting)[0] + "` | `" +
           Cell(Format(setting, Config{}, true)) + "` | " + Cell(std::string(setting.help)) +
           (domain.empty() ? "" : " Values: " + domain + ".") + " |\n";
  }
  return out;
}

}  // namespace tidings::app
