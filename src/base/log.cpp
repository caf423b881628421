#include <tidings/base/log.hpp>

#include <unistd.h>

#include <atomic>

#include <tidings/base/bytes.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/json.hpp>
#include <tidings/base/log_thread.hpp>

#include "log_output.hpp"

namespace tidings::log {

namespace {

constexpr std::size_t kMostWaiting = 1 << 20;
constexpr std::chrono::seconds kPatience{1};

std::atomic<Level> lowest{Level::kInfo};

// Never destroyed: others may log until the process is gone, and a thread that is stuck in a write cannot be joined.
LogOutput& Output() {
  static auto& output = *new LogOutput(STDERR_FILENO, kMostWaiting);
  return output;
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

void SetLevel(Level level) { lowest.store(level, std::memory_order_relaxed); }

bool Enabled(Level level) { return level >= lowest.load(std::memory_order_relaxed); }

void Write(Level level, std::string_view event, Fields fields) {
  if (!Enabled(level)) return;
  std::string line;
  json::ObjectWriter writer(line);
  writer.Time("at", SystemClock().Now()).Text("level", Name(level)).Text("event", event);
  for (const Field& field : fields) writer.Raw(field.key(), field.json());
  writer.End();
  line += '\n';
  Output().Write(line);
}

Thread::Thread() { Output().Start(); }
Thread::~Thread() { Output().Stop(kPatience); }

std::uint64_t Dropped() { return Output().dropped(); }

void LastWords(const std::string& line) { Output().WriteLast(line + '\n', kPatience); }

}  // namespace tidings::log
