#include <tidings/app/config.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <tidings/base/id.hpp>

#include "settings.hpp"
#include "value.hpp"

namespace tidings::app {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class ConfigTest : public ::testing::Test {
 protected:
  ~ConfigTest() override { fs::remove(file_); }

  std::string File(std::string_view text) {
    std::ofstream(file_, std::ios::trunc) << text;
    return file_.string();
  }
  static std::string Refusal(const ConfigSources& sources) {
    const auto loaded = LoadConfig(sources);
    if (loaded) return "(accepted)";
    EXPECT_EQ(loaded.error().code(), ErrorCode::kInvalid);
    EXPECT_EQ(loaded.error().message().find('\n'), std::string::npos);
    return loaded.error().message();
  }
  static Config FromEnvironment(std::string name, std::string value) {
    const auto loaded = LoadConfig({{}, "", {{std::move(name), std::move(value)}}});
    EXPECT_TRUE(loaded) << loaded.error().message();
    return loaded ? loaded->config : Config{};
  }

  const fs::path file_ = fs::temp_directory_path() / ("config-" + RandomToken(12) + ".toml");
};

TEST_F(ConfigTest, TakesFlagThenEnvironmentThenFileThenDefault) {
  ConfigSources sources{{}, File("data = 'from-file'\nio_threads = 2\n[limits]\nimages = 3\ntext = '32KiB'\n"), {}};
  sources.environment = {{"TIDINGS_DATA", "from-environment"}, {"TIDINGS_LIMITS_IMAGES", "4"}, {"HOME", "/"}};
  sources.overrides = {{"data", {"from-flag"}, "--data"}, {"listen", {"[::1]:1", ":2"}, "--listen"}};
  const auto loaded = LoadConfig(sources);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->config.data, "from-flag");
  EXPECT_EQ(loaded->config.limits.images, 4U);
  EXPECT_EQ(loaded->config.limits.text, 32U * 1024);
  EXPECT_EQ(loaded->config.io_threads, 2U);
  EXPECT_EQ(loaded->config.recovery, Recovery::kAsked);
  EXPECT_EQ(loaded->config.listen, (std::vector<Endpoint>{{"::1", 1}, {"", 2}}));
  const std::string text = DescribeConfig(*loaded);
  EXPECT_THAT(text, HasSubstr("# flag --data\n"));
  EXPECT_THAT(text, HasSubstr("# environment TIDINGS_LIMITS_IMAGES\n"));
  EXPECT_THAT(text, HasSubstr("# file " + file_.string() + ":5\n"));
  EXPECT_THAT(text, HasSubstr("# default\n"));
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST_F(ConfigTest, FindsTheFileByVariable) {
  const std::string file = File("io_threads = 3");
  EXPECT_EQ(LoadConfig({{}, "", {{"TIDINGS_CONFIG", file}}})->config.io_threads, 3U);
  EXPECT_THAT(Refusal({{}, "/nowhere/tidings.toml", {}}), HasSubstr("/nowhere/tidings.toml"));
}

TEST_F(ConfigTest, NamesTheNearestSetting) {
  EXPECT_EQ(Refusal({{}, File("\n[limits]\ntxet = 5\n"), {}}),
            file_.string() + ":3: there is no setting \"limits.txet\"; the nearest is limits.text");
  EXPECT_THAT(Refusal({{}, File("jwt_secret = 'x'"), {}}), HasSubstr("nearest is auth.jwt_secret"));
  EXPECT_EQ(Refusal({{}, "", {{"TIDINGS_JWT_SECERT", "x"}}}),
            "environment: TIDINGS_JWT_SECERT is no setting; the nearest is TIDINGS_JWT_SECRET");
  EXPECT_THAT(Refusal({{}, "", {{"TIDINGS_QUEUE_TRANSPROT", "x"}}}), HasSubstr("nearest is TIDINGS_QUEUE_TRANSPORT"));
}

TEST_F(ConfigTest, OnlyWarnsOfVariablesOfOthers) {
  const auto loaded = LoadConfig({{}, "", {{"TIDINGS_HARNESS_FOLDER", "x"}, {"TIDINGS_DTAA", ""}, {"OTHER", "x"}}});
  ASSERT_TRUE(loaded) << loaded.error().message();
  ASSERT_EQ(loaded->warnings.size(), 1U);
  EXPECT_THAT(loaded->warnings[0], HasSubstr("TIDINGS_HARNESS_FOLDER"));
  // The command line's own, and the tests'.
  const auto own = LoadConfig({{},
                               "",
                               {{"TIDINGS_PASSWORD", "x"},
                                {"TIDINGS_QUEUE_TRANSPORT", "x"},
                                {"TIDINGS_BRIDGE_FROM", "x"},
                                {"TIDINGS_BRIDGE_TO", "x"},
                                {"TIDINGS_TEST_SEED", "1"}}});
  ASSERT_TRUE(own) << own.error().message();
  EXPECT_TRUE(own->warnings.empty());
  // As Kubernetes makes them for a service of this name.
  const auto cluster = LoadConfig({{},
                                   "",
                                   {{"TIDINGS_SERVICE_HOST", "10.0.0.1"},
                                    {"TIDINGS_SERVICE_PORT_HTTP", "80"},
                                    {"TIDINGS_PORT", "tcp://10.0.0.1:80"},
                                    {"TIDINGS_PORT_80_TCP_ADDR", "10.0.0.1"}}});
  ASSERT_TRUE(cluster) << cluster.error().message();
  EXPECT_TRUE(cluster->warnings.empty());
}

TEST_F(ConfigTest, KnowsOtherNamesOfAVariable) {
  EXPECT_EQ(FromEnvironment("TIDINGS_AMQP", "amqp://h").amqp.url, "amqp://h");
  const std::string a(32, 'a'), b(32, 'b');
  EXPECT_TRUE(LoadConfig({{}, "", {{"TIDINGS_JWT_SECRET", a}, {"TIDINGS_AUTH_JWT_SECRET", a}}}));
  EXPECT_THAT(Refusal({{}, "", {{"TIDINGS_JWT_SECRET", a}, {"TIDINGS_AUTH_JWT_SECRET", b}}}), HasSubstr("differ"));
}

TEST_F(ConfigTest, ReadsEveryType) {
  EXPECT_EQ(FromEnvironment("TIDINGS_SHUTDOWN_TIMEOUT", "5min").shutdown_timeout, milliseconds(300'000));
  EXPECT_EQ(FromEnvironment("TIDINGS_SOCKET_PING_INTERVAL", "25000").socket.ping_interval, milliseconds(25'000));
  EXPECT_EQ(FromEnvironment("TIDINGS_SOCKET_PING_INTERVAL", "300ms").socket.ping_interval, milliseconds(300));
  EXPECT_EQ(FromEnvironment("TIDINGS_LIMITS_BODY", "2MiB").limits.body, 2U * 1024 * 1024);
  EXPECT_FALSE(FromEnvironment("TIDINGS_RATE_LIMITS", "off").rate_limits);
  EXPECT_TRUE(FromEnvironment("TIDINGS_SOCKET_COMPRESSION", "true").socket.compression);
  EXPECT_EQ(FromEnvironment("TIDINGS_RECOVERY", "always").recovery, Recovery::kAlways);
  EXPECT_EQ(FromEnvironment("TIDINGS_LOG_LEVEL", "debug").log.level, log::Level::kDebug);
  EXPECT_EQ(FromEnvironment("TIDINGS_METRICS_LISTEN", "*:9").metrics.listen, (Endpoint{"*", 9}));
  EXPECT_EQ(FromEnvironment("TIDINGS_TRUSTED_PROXIES", "10.0.0.0/8, ::1").trusted_proxies,
            (std::vector<std::string>{"10.0.0.0/8", "::1"}));
  EXPECT_EQ(LoadConfig({{}, File("cors.origins = ['*', 'https://a.example:8443']"), {}})->config.cors.origins.size(),
            2U);
  EXPECT_FALSE(FromEnvironment("TIDINGS_LIMITS_USER_MESSAGES", "off").limits.user_messages);
  const Rate rate = FromEnvironment("TIDINGS_LIMITS_USER_MESSAGES", "30/min burst 7").limits.user_messages;
  EXPECT_DOUBLE_EQ(rate->per_second, 0.5);
  EXPECT_DOUBLE_EQ(rate->burst, 7);
  EXPECT_DOUBLE_EQ(FromEnvironment("TIDINGS_LIMITS_USER_MESSAGES", "20/s").limits.user_messages->burst, 20);
  EXPECT_EQ(FromEnvironment("TIDINGS_DATA", "").data, "./data");
}

TEST_F(ConfigTest, RefusesWhatIsOutOfBounds) {
  const std::pair<const char*, const char*> bad[] = {
      {"TIDINGS_IO_THREADS", "0"},
      {"TIDINGS_IO_THREADS", "65"},
      {"TIDINGS_IO_THREADS", "-1"},
      {"TIDINGS_IO_THREADS", "1.5"},
      {"TIDINGS_LISTEN", "8080"},
      {"TIDINGS_LISTEN", "localhost"},
      {"TIDINGS_LISTEN", "127.0.0.1:65536"},
      {"TIDINGS_LISTEN", "::1:80"},
      {"TIDINGS_LISTEN", "[::1:80"},
      {"TIDINGS_LISTEN", ","},
      {"TIDINGS_RECOVERY", "Always"},
      {"TIDINGS_RATE_LIMITS", "maybe"},
      {"TIDINGS_SHUTDOWN_TIMEOUT", "10 years"},
      {"TIDINGS_SHUTDOWN_TIMEOUT", "99999999999d"},
      {"TIDINGS_LIMITS_BODY", "1KB"},
      {"TIDINGS_LIMITS_USER_MESSAGES", "5"},
      {"TIDINGS_LIMITS_USER_MESSAGES", "0/s"},
      {"TIDINGS_LIMITS_USER_MESSAGES", "5/s burst 0"},
      {"TIDINGS_LIMITS_USER_MESSAGES", "5/day"},
      {"TIDINGS_TRUSTED_PROXIES", "10.0.0.0/33"},
      {"TIDINGS_TRUSTED_PROXIES", "proxy.example"},
      {"TIDINGS_CORS_ORIGINS", "https://a.example/path"},
      {"TIDINGS_AMQP_URL", "http://rabbit"},
      {"TIDINGS_JWT_SECRET", "too-short"},
  };
  for (const auto& [name, value] : bad) {
    const std::string message = Refusal({{}, "", {{name, value}}});
    EXPECT_THAT(message, Not(HasSubstr("accepted"))) << name << "=" << value;
  }
  EXPECT_EQ(Refusal({{}, "", {{"TIDINGS_IO_THREADS", "65"}}}),
            "TIDINGS_IO_THREADS: io_threads must be 1 to 64, not \"65\"");
  EXPECT_THAT(Refusal({{}, "", {{"TIDINGS_JWT_SECRET", "too-short"}}}), Not(HasSubstr("too-short")));
  EXPECT_THAT(Refusal({{}, File("io_threads = [1, 2]"), {}}), HasSubstr("one value"));
  EXPECT_THAT(Refusal({{}, File("data = 1979-05-27"), {}}), HasSubstr(":1: \"data\" is neither"));
  EXPECT_THAT(Refusal({{}, File("a = 1\nb = ="), {}}), HasSubstr(".toml:2: no TOML"));
}

TEST_F(ConfigTest, ChecksWhatBelongsTogether) {
  EXPECT_THAT(Refusal({{}, "", {{"TIDINGS_TLS_KEY", "k.pem"}}}), HasSubstr("tls.certificate"));
  EXPECT_THAT(Refusal({{}, "", {{"TIDINGS_PROXY_PROTOCOL", "on"}}}), HasSubstr("trusted_proxies"));
  EXPECT_THAT(Refusal({{}, File("limits = {text = '1MiB', body = '512KiB'}"), {}}), HasSubstr("limits.body"));
}

TEST_F(ConfigTest, MasksSecrets) {
  const std::string secret(40, 'q');
  const auto loaded = LoadConfig({{},
                                  File("metrics.token = 'hush'\nredis.url = 'redis://:pw1@h:1/0'"),
                                  {{"TIDINGS_JWT_SECRET", secret}, {"TIDINGS_AMQP_URL", "amqp://user:pw2@host/v"}}});
  ASSERT_TRUE(loaded) << loaded.error().message();
  const std::string text = DescribeConfig(*loaded);
  for (const char* hidden : {"qqq", "hush", "pw1", "pw2"}) EXPECT_THAT(text, Not(HasSubstr(hidden)));
  EXPECT_THAT(text, HasSubstr("auth.jwt_secret = \"********\""));
  EXPECT_THAT(text, HasSubstr("amqp.url = \"amqp://user:********@host/v\""));
  EXPECT_THAT(text, HasSubstr("redis.url = \"redis://:********@h:1/0\""));
  // Nobody has the mask for a secret.
  for (const char* file : {"metrics.token = '********'", "redis.url = 'redis://:********@h:1/0'"}) {
    EXPECT_THAT(Refusal({{}, File(file), {}}), HasSubstr("not the mask")) << file;
  }
}

TEST_F(ConfigTest, PrintsAFileThatReadsBackAsTheSame) {
  ConfigSources sources{
      {}, File("listen = ['[::1]:80']\nlimits.user_messages = '90/min burst 5'\nstore = 'mongodb://h/d'"), {}};
  const std::string printed = DescribeConfig(*LoadConfig(sources));
  const auto again = LoadConfig({{}, File(printed), {}});
  ASSERT_TRUE(again) << again.error().message();
  const auto once_more = LoadConfig({{}, File(DescribeConfig(*again)), {}});
  EXPECT_EQ(DescribeConfig(*again), DescribeConfig(*once_more));
  EXPECT_EQ(again->config.listen[0].host, "::1");
  EXPECT_EQ(again->config.store, "mongodb://h/d");
  EXPECT_DOUBLE_EQ(again->config.limits.user_messages->per_second, 1.5);
}

TEST(Settings, AreEachNamedOnceAndDescribed) {
  std::set<std::string> names;
  for (const Setting& setting : Settings()) {
    EXPECT_TRUE(names.insert(std::string(setting.key)).second) << setting.key;
    for (const std::string& name : EnvironmentNames(setting)) {
      EXPECT_TRUE(name.starts_with("TIDINGS_")) << name;
      EXPECT_TRUE(names.insert(name).second) << name;
    }
    EXPECT_TRUE(setting.help.ends_with('.')) << setting.key;
    // Defaults are in bounds.
    Config config;
    const std::string written = Format(setting, config, true);
    if (written.find_first_not_of("0123456789") == written.npos) {
      EXPECT_TRUE(Assign(setting, {{written}, false}, config)) << setting.key;
    }
  }
}

TEST(Settings, AreDocumentedAsTheyAre) {
  const fs::path document = fs::path(TIDINGS_SOURCE_DIR) / "docs/configuration.md";
  std::ostringstream text;
  text << std::ifstream(document).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("<!-- settings -->\n" + SettingsTable() + "<!-- end of settings -->"))
      << "run ./dev docs";
}

}  // namespace
}  // namespace tidings::app
