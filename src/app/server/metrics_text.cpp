#include "metrics_text.hpp"

#include <charconv>

namespace tidings::app {

MetricsWriter& MetricsWriter::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(type) + "\n";
  return *this;
}

MetricsWriter& MetricsWriter::Sample(double value) {
  Line(name_, Number(value));
  return *this;
}

MetricsWriter& MetricsWriter::Sample(std::string_view label, std::string_view value, double number) {
  Line(name_ + "{" + std::string(label) + "=\"" + std::string(value) + "\"}", Number(number));
  return *this;
}

MetricsWriter& MetricsWriter::Text(std::string_view families) {
  out_ += families;
  return *this;
}

// Fifteen digits: enough for any counter, and 0.0002 does not become 0.00019999999999999998.
std::string MetricsWriter::Number(double value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 15);
  return std::string(text, end.ptr);
}

void MetricsWriter::Bucket(const std::string& bound, std::uint64_t count) {
  Line(name_ + "_bucket{le=\"" + bound + "\"}", std::to_string(count));
}

void MetricsWriter::Line(const std::string& name, const std::string& value) { out_ += name + " " + value + "\n"; }

}  // namespace tidings::app
