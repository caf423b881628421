#include <tidings/base/clock.hpp>

#include <charconv>

namespace tidings {

Millis SystemClock::Now() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Millis SystemClock::Steady() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

namespace {

void PutDigits(char* out, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

void AppendTime(std::string& out, Millis at) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{at < 0 ? 0 : at}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[] = "0000-00-00T00:00:00.000Z";
  PutDigits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  PutDigits(text + 5, static_cast<unsigned>(date.month()), 2);
  PutDigits(text + 8, static_cast<unsigned>(date.day()), 2);
  PutDigits(text + 11, static_cast<unsigned>(clock.hours().count()), 2);
  PutDigits(text + 14, static_cast<unsigned>(clock.minutes().count()), 2);
  PutDigits(text + 17, static_cast<unsigned>(clock.seconds().count()), 2);
  PutDigits(text + 20, static_cast<unsigned>(clock.subseconds().count()), 3);
  out.append(text, 24);
}

std::string FormatTime(Millis at) {
  std::string out;
  out.reserve(24);
  AppendTime(out, at);
  return out;
}

std::optional<Millis> ParseTime(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000Z";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t width) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + width, value);
    return value;
  };
  const year_month_day date{year{number(0, 4)}, month{static_cast<unsigned>(number(5, 2))},
                            day{static_cast<unsigned>(number(8, 2))}};
  if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) return std::nullopt;
  const auto time = sys_days{date} + hours{number(11, 2)} + minutes{number(14, 2)} + seconds{number(17, 2)} +
                    milliseconds{number(20, 3)};
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

}  // namespace tidings
