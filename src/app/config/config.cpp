#include <tidings/app/config.hpp>

#include <unistd.h>

#include <algorithm>

#include <tidings/base/json.hpp>

#include "config_file.hpp"
#include "nearest.hpp"
#include "settings.hpp"
#include "value.hpp"

namespace tidings::app {

namespace {

constexpr std::string_view kPrefix = "TIDINGS_";
constexpr std::string_view kFileVariable = "TIDINGS_CONFIG";
// Of commands, which read them themselves; src/app/tidings has them.
constexpr std::string_view kCommandVariables[] = {"TIDINGS_PASSWORD", "TIDINGS_QUEUE_TRANSPORT", "TIDINGS_BRIDGE_FROM",
                                                  "TIDINGS_BRIDGE_TO"};

std::unexpected<Error> Refuse(const std::string& where, const Setting& setting, const Error& error) {
  return Fail(ErrorCode::kInvalid, where + ": " + std::string(setting.key) + " " + error.message());
}

std::optional<std::size_t> Find(std::string_view key) {
  const auto settings = Settings();
  const auto found = std::ranges::find(settings, key, &Setting::key);
  if (found == settings.end()) return std::nullopt;
  return static_cast<std::size_t>(found - settings.begin());
}

Status Apply(LoadedConfig& loaded, std::size_t index, const Written& written, Origin origin) {
  const Setting& setting = Settings()[index];
  if (auto done = Assign(setting, written, loaded.config); !done) return Refuse(origin.where, setting, done.error());
  loaded.origins[index] = std::move(origin);
  return {};
}

Status ApplyFile(LoadedConfig& loaded, const std::string& path) {
  const auto entries = ReadConfigFile(path);
  if (!entries) return std::unexpected(entries.error());
  for (const FileEntry& entry : *entries) {
    const auto index = Find(entry.key);
    if (!index) {
      std::vector<std::string> keys;
      for (const Setting& setting : Settings()) keys.emplace_back(setting.key);
      return Fail(ErrorCode::kInvalid, entry.where + ": there is no setting " + json::Quote(entry.key) +
                                           "; the nearest is " + FindNearest(entry.key, keys).name);
    }
    if (auto done = Apply(loaded, *index, entry.written, {Origin::Kind::kFile, entry.where}); !done) return done;
  }
  return {};
}

// Variables that others of this house read, and those that Kubernetes makes for a service, here one named "tidings".
bool HasOtherUse(std::string_view name, std::string_view value) {
  return name == "TIDINGS_FAULT" || name.starts_with("TIDINGS_TEST_") || name.find("_SERVICE_HOST") != name.npos ||
         name.find("_SERVICE_PORT") != name.npos || value.starts_with("tcp://") || value.starts_with("udp://") ||
         (name.find("_PORT_") != name.npos && (name.find("_TCP") != name.npos || name.find("_UDP") != name.npos));
}

// A name that is no setting's: a slip is refused, anything else is only told.
Status CheckUnknown(LoadedConfig& loaded, const std::string& name, std::string_view value,
                    const std::vector<std::string>& known) {
  if (HasOtherUse(name, value)) return {};
  const Nearest nearest = FindNearest(name, known);
  const std::size_t slip = std::clamp<std::size_t>((name.size() - kPrefix.size()) / 4, 1, 3);
  if (nearest.distance <= slip) {
    return Fail(ErrorCode::kInvalid, "environment: " + name + " is no setting; the nearest is " + nearest.name);
  }
  loaded.warnings.push_back("environment: " + name + " is no setting and counts for nothing");
  return {};
}

Status ApplyEnvironment(LoadedConfig& loaded, const Environment& environment) {
  std::vector<std::string> known{std::string(kFileVariable)};
  known.insert(known.end(), std::begin(kCommandVariables), std::end(kCommandVariables));
  const auto settings = Settings();
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const std::pair<std::string, std::string>* given = nullptr;
    for (const std::string& name : EnvironmentNames(settings[i])) {
      known.push_back(name);
      const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
      if (found == environment.end() || found->second.empty()) continue;
      if (given != nullptr && given->second != found->second) {
        return Fail(ErrorCode::kInvalid, "environment: " + given->first + " and " + name + " differ; set one of them");
      }
      if (given == nullptr) given = &*found;
    }
    if (given == nullptr) continue;
    auto done = Apply(loaded, i, {{given->second}, false}, {Origin::Kind::kEnvironment, given->first});
    if (!done) return done;
  }
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix) || value.empty() || std::ranges::find(known, name) != known.end()) continue;
    if (auto done = CheckUnknown(loaded, name, value, known); !done) return done;
  }
  return {};
}

// What one setting says about another.
Status CheckTogether(const Config& config) {
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    return Fail(ErrorCode::kInvalid, "tls.certificate and tls.key belong together: set both or none");
  }
  if (config.proxy_protocol && config.trusted_proxies.empty()) {
    return Fail(ErrorCode::kInvalid, "proxy_protocol needs trusted_proxies: the addresses that may send the header");
  }
  if (config.listen.empty()) return Fail(ErrorCode::kInvalid, "listen must name an address");
  if (config.limits.text > config.limits.body) {
    return Fail(ErrorCode::kInvalid, "limits.text must not be above limits.body, which a message has to fit into");
  }
  return {};
}

}  // namespace

Environment ProcessEnvironment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (!text.starts_with(kPrefix) || equals == text.npos) continue;
    out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Result<LoadedConfig> LoadConfig(const ConfigSources& sources) {
  LoadedConfig loaded;
  loaded.origins.resize(Settings().size());
  std::string file = sources.file;
  for (const auto& [name, value] : sources.environment) {
    if (file.empty() && name == kFileVariable) file = value;
  }
  if (!file.empty()) {
    if (auto done = ApplyFile(loaded, file); !done) return std::unexpected(done.error());
  }
  if (auto done = ApplyEnvironment(loaded, sources.environment); !done) return std::unexpected(done.error());
  for (const Override& flag : sources.overrides) {
    const auto index = Find(flag.key);
    if (!index) return Fail(ErrorCode::kInternal, "the flag " + flag.flag + " is for no setting: " + flag.key);
    auto done = Apply(loaded, *index, {flag.values, flag.values.size() > 1}, {Origin::Kind::kFlag, flag.flag});
    if (!done) return std::unexpected(done.error());
  }
  if (auto fits = CheckTogether(loaded.config); !fits) return std::unexpected(fits.error());
  return loaded;
}

}  // namespace tidings::app
