#include <tidings/messaging/loss_report.hpp>

#include <tidings/base/log.hpp>

namespace tidings::messaging {

std::string LossMetrics(const LossLedger& ledger) {
  constexpr std::string_view kFamily = "tidings_messages_lost_total";
  constexpr int kCauses = static_cast<int>(LossCause::kUnclaimed) + 1;
  std::string out;
  out.append("# HELP ").append(kFamily).append(" Messages that vanished by right, by cause.\n");
  out.append("# TYPE ").append(kFamily).append(" counter\n");
  for (int each = 0; each < kCauses; ++each) {
    const auto cause = static_cast<LossCause>(each);
    out.append(kFamily).append("{cause=\"").append(Name(cause)).append("\"} ");
    out.append(std::to_string(ledger.Of(cause))).append("\n");
  }
  return out;
}

void LogLosses(const LossLedger& ledger, std::string_view owner) {
  std::string causes;
  for (const auto& [cause, count] : ledger.ByCause()) {
    causes.append(causes.empty() ? "" : ", ").append(cause).append(" ").append(std::to_string(count));
  }
  if (!causes.empty()) log::Info("messages_lost", {{"owner", owner}, {"causes", causes}});
}

}  // namespace tidings::messaging
