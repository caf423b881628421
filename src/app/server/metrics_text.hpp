// MetricsWriter: families of metrics in Prometheus' text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
//   MetricsWriter metrics;
//   metrics.Counter("tidings_sends_total", "Sends that were acknowledged.", 5);
//   metrics.Family("tidings_refused_total", "counter", "By cause.").Sample("cause", "rate_limited", 2);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tidings/base/histogram.hpp>

namespace tidings::app {

class MetricsWriter {
 public:
  // Begins a family; its samples follow. REQUIRES: `help` has no line end and no backslash.
  MetricsWriter& Family(std::string_view name, std::string_view type, std::string_view help);
  MetricsWriter& Sample(double value);
  // REQUIRES: `value` of the label has no quote, backslash or line end.
  MetricsWriter& Sample(std::string_view label, std::string_view value, double number);

  MetricsWriter& Counter(std::string_view name, std::string_view help, double value) {
    return Family(name, "counter", help).Sample(value);
  }
  MetricsWriter& Gauge(std::string_view name, std::string_view help, double value) {
    return Family(name, "gauge", help).Sample(value);
  }
  // Bounds and sum are multiplied by `unit`: 1e-6 for microseconds, since Prometheus counts seconds.
  template <std::size_t N>
  MetricsWriter& Distribution(std::string_view name, std::string_view help, const tidings::Histogram<N>& values,
                              double unit) {
    Family(name, "histogram", help);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < N; ++i) {
      count += values.count(i);
      Bucket(Number(static_cast<double>(values.bounds()[i]) * unit), count);
    }
    count += values.count(N);
    Bucket("+Inf", count);
    Line(name_ + "_sum", Number(static_cast<double>(values.sum()) * unit));
    Line(name_ + "_count", std::to_string(count));
    return *this;
  }

  // Families that are text already.
  MetricsWriter& Text(std::string_view families);

  std::string Take() { return std::move(out_); }

 private:
  static std::string Number(double value);
  void Bucket(const std::string& bound, std::uint64_t count);
  void Line(const std::string& name, const std::string& value);

  std::string out_;
  std::string name_;
};

}  // namespace tidings::app
