#include <tidings/base/log.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <tidings/base/bytes.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/json.hpp>

namespace tidings::log {

namespace {

spdlog::logger& Logger() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("tidings", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::debug);
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
    case Level::kOff: break;
  }
  return spdlog::level::off;
}

std::string_view Name(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarning: return "warning";
    default: return "error";
  }
}

}  // namespace

Field::Field(std::string_view key, std::string_view text)
    : key_(key), json_(json::Quote(IsUtf8(text) ? text : std::string_view("(bytes that are not UTF-8)"))) {}

Field::Field(std::string_view key, bool flag) : key_(key), json_(flag ? "true" : "false") {}

void SetLevel(Level level) { Logger().set_level(ToSpdlog(level)); }

bool Enabled(Level level) { return Logger().should_log(ToSpdlog(level)); }

void Write(Level level, std::string_view event, Fields fields) {
  if (!Enabled(level)) return;
  std::string line;
  json::ObjectWriter writer(line);
  writer.Time("at", SystemClock().Now()).Text("level", Name(level)).Text("event", event);
  for (const Field& field : fields) writer.Raw(field.key(), field.json());
  writer.End();
  Logger().log(ToSpdlog(level), line);
}

}  // namespace tidings::log
