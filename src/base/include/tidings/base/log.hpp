// Structured logs: one JSON object a line on standard error. Never a token, never the text of a message.
//
//   log::Info("listening", {{"address", "127.0.0.1:8080"}});
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tidings::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

// One named value of a line.
class Field {
 public:
  Field(std::string_view key, std::string_view text);
  Field(std::string_view key, const char* text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, const std::string& text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, bool flag);
  template <class Integer>
    requires std::is_integral_v<Integer>
  Field(std::string_view key, Integer number) : key_(key), json_(std::to_string(number)) {}

  std::string_view key() const { return key_; }
  const std::string& json() const { return json_; }

 private:
  std::string_view key_;
  std::string json_;
};

using Fields = std::initializer_list<Field>;

// Lines below this level are not written. kInfo at the start. Thread-safe, as are all of these.
void SetLevel(Level level);
bool Enabled(Level level);
void Write(Level level, std::string_view event, Fields fields);

inline void Debug(std::string_view event, Fields fields = {}) { Write(Level::kDebug, event, fields); }
inline void Info(std::string_view event, Fields fields = {}) { Write(Level::kInfo, event, fields); }
inline void Warning(std::string_view event, Fields fields = {}) { Write(Level::kWarning, event, fields); }
inline void Err(std::string_view event, Fields fields = {}) { Write(Level::kError, event, fields); }

}  // namespace tidings::log
