// The server's settings: their values, and where each came from.
//
//   auto loaded = app::LoadConfig({.overrides = flags, .file = config_flag, .environment = app::ProcessEnvironment()});
//   if (!loaded) return Complain(loaded.error());
//   for (const std::string& warning : loaded->warnings) ...
//   Serve(loaded->config);
//
// A setting's value is that of its flag, else of its environment variable, else of the config file (TOML), else its
// default, which is the value that stands here. docs/configuration.md lists them all.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidings/app/endpoint.hpp>
#include <tidings/base/error.hpp>
#include <tidings/base/log.hpp>
#include <tidings/base/rate_limiter.hpp>

namespace tidings::app {

enum class Recovery { kAsked, kAlways, kOff };
enum class Registration { kAuto, kOn, kOff };  // kAuto: on unless keys from outside are set
enum class QueueType { kClassic, kQuorum };

// Nothing: no limit.
using Rate = std::optional<RateLimit>;

struct Config {
  std::string data = "./data";
  std::vector<Endpoint> listen = {{"127.0.0.1", 8080}};
  std::string store;  // URL; empty: the embedded store in `data`
  std::uint64_t io_threads = 1;
  std::chrono::milliseconds shutdown_timeout{10'000};
  Recovery recovery = Recovery::kAsked;
  std::vector<std::string> trusted_proxies;
  bool proxy_protocol = false;

  struct {
    log::Level level = log::Level::kInfo;
  } log;

  struct {
    std::string jwt_secret;
    std::string jwks_file;
    std::string issuer;
    std::string audience;
    Registration registration = Registration::kAuto;
    std::chrono::milliseconds token_lifetime = std::chrono::days(7);
  } auth;

  struct {
    std::chrono::milliseconds ping_interval{25'000};
    std::chrono::milliseconds ping_timeout{20'000};
    std::chrono::milliseconds connect_timeout{45'000};
    std::uint64_t max_payload = 1'000'000;
    std::uint64_t window = 256 * 1024;
    bool compression = false;
  } socket;

  bool rate_limits = true;
  struct {
    Rate user_messages = RateLimit{50, 500};
    Rate address_messages = RateLimit{500, 5'000};
    Rate user_requests = RateLimit{100, 1'000};
    Rate address_requests = RateLimit{500, 5'000};
    Rate address_connections = RateLimit{50, 1'000};
    Rate address_logins = RateLimit{0.5, 60};
    Rate account_logins = RateLimit{10.0 / 60, 20};
    std::uint64_t connections = 100'000;
    std::uint64_t connections_per_address = 2'000;
    std::uint64_t body = 1024 * 1024;
    std::uint64_t text = 64 * 1024;
    std::uint64_t attachments = 20;
    std::uint64_t images = 20;
    std::uint64_t members_per_call = 10'000;
    std::uint64_t members_per_room = 100'000;
    std::uint64_t rooms_per_user = 10'000;
  } limits;

  struct {
    std::uint64_t seen_max_members = 100;
    std::uint64_t typing_max_online = 100;
  } chat;

  struct {
    std::string certificate;
    std::string key;
  } tls;

  struct {
    std::optional<Endpoint> listen;
    std::string token;
  } metrics;

  struct {
    std::vector<std::string> origins;
  } cors;

  struct {
    std::string url;
    QueueType queue_type = QueueType::kClassic;
  } amqp;

  struct {
    std::optional<Endpoint> listen;
    std::string password;
  } queue;

  struct {
    std::string url;
  } redis;

  struct {
    std::uint64_t lanes = 4;
    std::vector<std::string> inside;
  } workers;

  struct {
    std::chrono::milliseconds gather{60'000};
  } archive;

  struct {
    std::string url;
    std::string token;
    std::chrono::milliseconds timeout{15'000};
    std::vector<std::string> retry = {"1s", "5s", "30s", "2min", "10min"};
  } push;

  struct {
    bool private_addresses = false;
    std::chrono::milliseconds timeout{15'000};
    std::vector<std::string> retry = {"5s", "5min", "30min", "2h", "5h", "10h", "14h", "20h", "24h"};
    std::chrono::milliseconds disable_after = std::chrono::days(5);
  } webhook;
};

// "250ms", "5s", "30min", "2h", "5d", or milliseconds; nothing for anything else.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

// A flag of the command line. REQUIRES: `key` is a setting's.
struct Override {
  std::string key;                  // "data"
  std::vector<std::string> values;  // as many as the flag was given
  std::string flag;                 // "--data"
};

using Environment = std::vector<std::pair<std::string, std::string>>;

struct ConfigSources {
  std::vector<Override> overrides;
  std::string file;         // empty: that of TIDINGS_CONFIG, if that is set
  Environment environment;  // only names that begin with TIDINGS_ matter; an empty value is none
};

// The process's own environment. Not while another thread changes it.
Environment ProcessEnvironment();

struct Origin {
  enum class Kind { kDefault, kFile, kEnvironment, kFlag };
  Kind kind = Kind::kDefault;
  std::string where;  // "tidings.toml:4", "TIDINGS_DATA", "--data"; empty for a default
};

struct LoadedConfig {
  Config config;
  std::vector<Origin> origins;        // one for each setting, in the table's order
  std::vector<std::string> warnings;  // of TIDINGS_ variables that are no setting's
};

// kInvalid with one line that says where, what and, for a name that is no setting's, which is the nearest. A name in
// the environment is refused only if it looks like a slip; other TIDINGS_ variables are no business of the server's
// and make a warning, those that Kubernetes makes for a service not even that.
Result<LoadedConfig> LoadConfig(const ConfigSources& sources);

// What `tidings config` prints: a config file with every setting and, behind each, where its value comes from. Secrets
// and the passwords in URLs are masked.
std::string DescribeConfig(const LoadedConfig& loaded);

// The table of docs/configuration.md.
std::string SettingsTable();

}  // namespace tidings::app
