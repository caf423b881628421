#include "value.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>

namespace tidings::app {

namespace {

using std::chrono::milliseconds;

// The words of a choice, in the order of its enumerators.
constexpr std::array<std::string_view, 3> WordsOf(Recovery) { return {"asked", "always", "off"}; }
constexpr std::array<std::string_view, 3> WordsOf(Registration) { return {"auto", "on", "off"}; }
constexpr std::array<std::string_view, 2> WordsOf(QueueType) { return {"classic", "quorum"}; }
constexpr std::array<std::string_view, 5> WordsOf(log::Level) { return {"debug", "info", "warning", "error", "off"}; }

template <class T>
concept Choice = requires(T value) { WordsOf(value); };

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr Unit kByteUnits[] = {{"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};
constexpr Unit kTimeUnits[] = {{"ms", 1}, {"min", 60'000}, {"s", 1000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::unexpected<Error> MustBe(const std::string& what) { return Fail(ErrorCode::kInvalid, "must be " + what); }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "64KiB" is 64 * 1024; the plain number counts bytes, or milliseconds.
std::optional<std::uint64_t> Scaled(std::string_view text, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    const auto count = ParseWhole(Trim(text.substr(0, text.size() - unit.name.size())));
    if (!count || *count > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return *count * unit.factor;
  }
  return ParseWhole(text);
}

std::string InUnits(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = nullptr;
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0 && (best == nullptr || unit.factor > best->factor)) best = &unit;
  }
  if (best == nullptr) return std::to_string(value);
  return std::to_string(value / best->factor) + std::string(best->name);
}

std::optional<double> Positive(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0) || value > 1e9) return std::nullopt;
  return value;
}

// "50/s burst 500", "10/min", "off".
Result<Rate> ReadRate(std::string_view text) {
  if (text == "off") return Rate();
  const auto refuse = [] { return MustBe("a rate as 50/s burst 500 (or /min, /h), or off"); };
  const auto slash = text.find('/');
  if (slash == text.npos) return refuse();
  const auto count = Positive(Trim(text.substr(0, slash)));
  std::string_view rest = text.substr(slash + 1);
  const auto space = std::min(rest.find(' '), rest.size());
  const std::string_view per = rest.substr(0, space);
  rest = Trim(rest.substr(space));
  const double seconds = per == "s" ? 1 : per == "min" ? 60 : per == "h" ? 3600 : 0;
  if (!count || seconds == 0) return refuse();
  RateLimit limit{*count / seconds, std::max(1.0, *count / seconds)};
  if (!rest.empty()) {
    if (!rest.starts_with("burst ")) return refuse();
    const auto burst = Positive(Trim(rest.substr(6)));
    if (!burst || *burst < 1) return refuse();
    limit.burst = *burst;
  }
  return Rate(limit);
}

std::string Decimal(double value) {
  char text[32];
  const double rounded = std::round(value * 1e6) / 1e6;
  const auto end = std::to_chars(text, text + sizeof text, rounded, std::chars_format::fixed).ptr;
  return std::string(text, end);
}

std::string Write(const Rate& rate) {
  if (!rate) return "off";
  const bool by_second = rate->per_second >= 1;
  return Decimal(by_second ? rate->per_second : rate->per_second * 60) + (by_second ? "/s" : "/min") + " burst " +
         Decimal(rate->burst);
}

// How each type is read from one text.
Status Read(const Setting& setting, std::string_view text, std::string& value) {
  if (!IsUtf8(text) || text.find('\0') != text.npos) return MustBe("UTF-8");
  if (const char* const flaw = setting.flaw == nullptr ? nullptr : setting.flaw(text)) {
    return Fail(ErrorCode::kInvalid, flaw);
  }
  value = text;
  return {};
}

Status Read(const Setting&, std::string_view text, bool& value) {
  const bool yes = text == "true" || text == "on" || text == "yes" || text == "1";
  if (!yes && text != "false" && text != "off" && text != "no" && text != "0") return MustBe("true or false");
  value = yes;
  return {};
}

Status Read(const Setting& setting, std::string_view text, std::uint64_t& value) {
  const auto number = setting.form == Form::kBytes ? Scaled(text, kByteUnits) : ParseWhole(text);
  if (!number || *number < setting.least || *number > setting.most) return MustBe(Domain(setting));
  value = *number;
  return {};
}

Status Read(const Setting& setting, std::string_view text, milliseconds& value) {
  const auto number = Scaled(text, kTimeUnits);
  if (!number || *number < setting.least || *number > setting.most) return MustBe(Domain(setting));
  value = milliseconds(*number);
  return {};
}

Status Read(const Setting&, std::string_view text, Rate& value) {
  const auto rate = ReadRate(text);
  if (!rate) return std::unexpected(rate.error());
  value = *rate;
  return {};
}

Status Read(const Setting&, std::string_view text, Endpoint& value) {
  auto endpoint = ParseEndpoint(text);
  if (!endpoint) return std::unexpected(endpoint.error());
  value = *std::move(endpoint);
  return {};
}

Status Read(const Setting& setting, std::string_view text, std::optional<Endpoint>& value) {
  value.reset();
  return text.empty() ? Status() : Read(setting, text, value.emplace());
}

template <Choice T>
Status Read(const Setting& setting, std::string_view text, T& value) {
  const auto words = WordsOf(value);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != text) continue;
    value = static_cast<T>(i);
    return {};
  }
  return MustBe(Domain(setting));
}

template <class T>
Status ReadWritten(const Setting& setting, const Written& written, T& value) {
  if (written.texts.size() != 1) return MustBe("one value");
  return Read(setting, Trim(written.texts[0]), value);
}

// A list is an array, or one text with commas.
template <class T>
Status ReadWritten(const Setting& setting, const Written& written, std::vector<T>& values) {
  std::vector<T> read;
  for (const std::string& text : written.texts) {
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      if (const std::string_view item = Trim(rest.substr(0, end)); !item.empty()) {
        if (auto done = Read(setting, item, read.emplace_back()); !done) return done;
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  values = std::move(read);
  return {};
}

// How each type is written.
std::string Write(const Setting&, const std::string& value) { return json::Quote(value); }
std::string Write(const Setting&, bool value) { return value ? "true" : "false"; }
std::string Write(const Setting& setting, std::uint64_t value) {
  const std::string text = setting.form == Form::kBytes ? InUnits(value, kByteUnits) : std::to_string(value);
  return text.find_first_not_of("0123456789") == text.npos ? text : json::Quote(text);
}
std::string Write(const Setting&, milliseconds value) {
  const std::string text = InUnits(static_cast<std::uint64_t>(value.count()), kTimeUnits);
  return text.find_first_not_of("0123456789") == text.npos ? text : json::Quote(text);
}
std::string Write(const Setting&, const Rate& value) { return json::Quote(Write(value)); }
std::string Write(const Setting&, const Endpoint& value) { return json::Quote(FormatEndpoint(value)); }
std::string Write(const Setting&, const std::optional<Endpoint>& value) {
  return json::Quote(value ? FormatEndpoint(*value) : "");
}
template <Choice T>
std::string Write(const Setting&, T value) {
  return json::Quote(WordsOf(value).at(static_cast<std::size_t>(value)));
}
template <class T>
std::string Write(const Setting& setting, const std::vector<T>& values) {
  std::string out = "[";
  for (const T& value : values) out += (out.size() > 1 ? ", " : "") + Write(setting, value);
  return out + "]";
}

// Whether it holds a secret, in whole or in a part.
bool IsHidden(const Setting& setting) { return setting.form == Form::kSecret || setting.form == Form::kUrl; }

// What Format shows in the place of a secret.
constexpr const char* kMask = "********";

std::string MaskPassword(std::string url) {
  const auto begin = url.find("://");
  if (begin == url.npos) return url;
  const auto end = std::min(url.find_first_of("/?#", begin + 3), url.size());
  const auto at = url.rfind('@', end);
  const auto colon = url.find(':', begin + 3);
  if (at == url.npos || at < begin || colon >= at) return url;
  return url.replace(colon + 1, at - colon - 1, kMask);
}

}  // namespace

std::optional<milliseconds> ParseDuration(std::string_view text) {
  constexpr std::uint64_t kMost = 3650ULL * 86'400'000;
  const auto count = Scaled(Trim(text), kTimeUnits);
  if (!count || *count > kMost) return std::nullopt;
  return milliseconds(*count);
}

Status Assign(const Setting& setting, const Written& written, Config& config) {
  const bool hidden = IsHidden(setting);
  const auto masked = [](const std::string& text) { return text.contains(kMask); };
  if (hidden && std::ranges::any_of(written.texts, masked)) {
    return Fail(
        ErrorCode::kInvalid,
        "must be the secret itself, not the mask that `tidings config` prints for it; leave the line out where the "
        "secret comes from elsewhere");
  }
  auto done = std::visit([&](auto at) { return ReadWritten(setting, written, at(config)); }, setting.field);
  if (done || hidden) return done;
  std::string texts;
  for (const std::string& text : written.texts) texts += (texts.empty() ? "" : ", ") + text;
  return Fail(ErrorCode::kInvalid, done.error().message() + ", not " + (IsUtf8(texts) ? json::Quote(texts) : "that"));
}

std::string Format(const Setting& setting, const Config& config, bool bare) {
  Config copy = config;
  if (!bare && IsHidden(setting)) {
    std::string& text = std::get<At<std::string>>(setting.field)(copy);
    if (setting.form == Form::kUrl) {
      text = MaskPassword(text);
    } else if (!text.empty()) {
      text = kMask;
    }
  }
  return std::visit([&](auto at) { return Write(setting, at(copy)); }, setting.field);
}

std::string Domain(const Setting& setting) {
  return std::visit(
      [&]<class T>(At<T>) -> std::string {
        if constexpr (Choice<T>) {
          std::string out;
          const auto words = WordsOf(T{});
          for (std::size_t i = 0; i < words.size(); ++i) {
            out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string(words[i]);
          }
          return out;
        } else if constexpr (std::is_same_v<T, milliseconds>) {
          return InUnits(setting.least, kTimeUnits) + " to " + InUnits(setting.most, kTimeUnits);
        } else if constexpr (std::is_same_v<T, std::uint64_t>) {
          if (setting.form != Form::kBytes)
            return std::to_string(setting.least) + " to " + std::to_string(setting.most);
          const std::string most = InUnits(setting.most, kByteUnits);
          return InUnits(setting.least, kByteUnits) + " to " + most + (most.ends_with("iB") ? "" : " bytes");
        } else {
          return "";
        }
      },
      setting.field);
}

}  // namespace tidings::app
