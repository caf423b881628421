// The table of settings, which the parser, `tidings config` and the documentation are made from.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tidings/app/config.hpp>

namespace tidings::app {

// Where a setting's value stands; the type says how it is written.
template <class T>
using At = T& (*)(Config&);
using Field = std::variant<At<std::string>, At<bool>, At<std::uint64_t>, At<std::chrono::milliseconds>, At<Rate>,
                           At<std::vector<std::string>>, At<std::vector<Endpoint>>, At<std::optional<Endpoint>>,
                           At<Recovery>, At<Registration>, At<QueueType>, At<log::Level>>;

// What is wrong with a text; null if nothing is.
using Flaw = const char* (*)(std::string_view);

enum class Form {
  kPlain,
  kBytes,   // a number that may be written as 64KiB, 1MiB
  kUrl,     // its password is masked
  kSecret,  // masked
};

struct Setting {
  std::string_view key;  // "auth.jwt_secret"
  Field field;
  std::string_view help;
  std::uint64_t least = 0;  // of a number, or of milliseconds
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  Form form = Form::kPlain;
  Flaw flaw = nullptr;           // of a text, or of each text of a list
  std::string_view environment;  // names, the usual one first; empty: TIDINGS_ and the key
};

std::span<const Setting> Settings();

// The variables that give the setting, the documented one first.
std::vector<std::string> EnvironmentNames(const Setting& setting);

}  // namespace tidings::app
