#include <tidings/messaging/handler_metrics.hpp>

#include <charconv>
#include <string_view>

namespace tidings::messaging {
namespace {

void AppendSeconds(std::string& out, std::uint64_t millis) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(millis) / 1'000);
  (void)error;
  out.append(text.data(), end);
}

std::string Labels(const HandlerMetrics::Key& key) {
  std::string labels = "queue=\"";
  for (const std::string* value : {&key.first, &key.second}) {
    if (value == &key.second) labels += "\",handler=\"";
    for (const char c : *value) {
      if (c == '\\' || c == '"') labels += '\\';
      labels += c == '\n' ? ' ' : c;
    }
  }
  return labels + '"';
}

void Header(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ");
  out.append(type).append("\n");
}

}  // namespace

HandlerMetrics::Snapshot& HandlerMetrics::Of(const Context& context) {
  return snapshots_[Key(context.queue(), context.consumer())];
}

Task<Verdict> HandlerMetrics::Handle(Context& context, Next next) {
  Snapshot& snapshot = Of(context);
  ++snapshot.handling;
  const Millis began = context.timers().Steady();
  // Counted down however it ends.
  const std::unique_ptr<Snapshot, void (*)(Snapshot*)> guard(&snapshot, [](Snapshot* of) { --of->handling; });
  Verdict verdict = co_await next(context);
  const auto took = static_cast<std::uint64_t>(context.timers().Steady() - began);
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && took > kBounds[bucket]) ++bucket;
  ++snapshot.durations[bucket];
  snapshot.duration_sum += took;
  co_return verdict;
}

void HandlerMetrics::Settled(const Context& context, const Verdict& verdict) {
  Snapshot& snapshot = Of(context);
  if (verdict.failure()) ++snapshot.failed;
  switch (verdict.kind()) {
    case Verdict::Kind::kDone: ++snapshot.done; break;
    case Verdict::Kind::kFailed:
    case Verdict::Kind::kRetry: ++snapshot.retried; break;
    case Verdict::Kind::kBury: ++snapshot.buried; break;
    case Verdict::Kind::kReturn: ++snapshot.returned; break;
  }
}

std::string HandlerMetrics::Prometheus() const {
  std::string out;
  Header(out, "tidings_messages_handled_total", "counter", "Messages, by what became of them.");
  for (const auto& [key, snapshot] : snapshots_) {
    const std::string labels = Labels(key);
    const std::pair<std::string_view, std::uint64_t> outcomes[] = {{"done", snapshot.done},
                                                                   {"retried", snapshot.retried},
                                                                   {"buried", snapshot.buried},
                                                                   {"returned", snapshot.returned}};
    for (const auto& [outcome, count] : outcomes) {
      out.append("tidings_messages_handled_total{").append(labels).append(",outcome=\"").append(outcome);
      out.append("\"} ").append(std::to_string(count)).append("\n");
    }
  }
  Header(out, "tidings_messages_handling", "gauge", "Messages being handled now.");
  for (const auto& [key, snapshot] : snapshots_) {
    out.append("tidings_messages_handling{").append(Labels(key)).append("} ");
    out.append(std::to_string(snapshot.handling)).append("\n");
  }
  constexpr std::string_view kDuration = "tidings_message_handling_seconds";
  Header(out, kDuration, "histogram", "How long handlers took.");
  for (const auto& [key, snapshot] : snapshots_) {
    const std::string labels = Labels(key);
    std::uint64_t count = 0;
    for (std::size_t bucket = 0; bucket <= kBounds.size(); ++bucket) {
      count += snapshot.durations[bucket];
      out.append(kDuration).append("_bucket{").append(labels).append(",le=\"");
      if (bucket < kBounds.size()) {
        AppendSeconds(out, kBounds[bucket]);
      } else {
        out += "+Inf";
      }
      out.append("\"} ").append(std::to_string(count)).append("\n");
    }
    out.append(kDuration).append("_sum{").append(labels).append("} ");
    AppendSeconds(out, snapshot.duration_sum);
    out.append("\n").append(kDuration).append("_count{").append(labels).append("} ");
    out.append(std::to_string(count)).append("\n");
  }
  return out;
}

}  // namespace tidings::messaging
