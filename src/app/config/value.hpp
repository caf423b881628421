// One setting's value between its text and its place in the Config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "settings.hpp"

namespace tidings::app {

// A value as it was written: one text, or several where the file has an array or the flag was repeated.
struct Written {
  std::vector<std::string> texts;
  bool list = false;
};

// Reads the value and puts it into its place. kInvalid: "must be …, not …", without the text of a secret.
Status Assign(const Setting& setting, const Written& written, Config& config);

// The value as it is written in a config file; masked unless `bare`.
std::string Format(const Setting& setting, const Config& config, bool bare = false);

// What may be written, for people: "asked, always or off", "1 to 64".
std::string Domain(const Setting& setting);

}  // namespace tidings::app
