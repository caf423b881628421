#include <tidings/messaging/loss_ledger.hpp>

namespace tidings::messaging {

std::string_view Name(LossCause cause) {
  switch (cause) {
    case LossCause::kExpired: return "expired";
    case LossCause::kTrimmed: return "trimmed";
    case LossCause::kMaxLength: return "max-length";
    case LossCause::kUnrouted: return "unrouted";
    case LossCause::kPubSubGap: return "pub-sub-gap";
    case LossCause::kSlow: return "slow";
    case LossCause::kNoDeadLetter: return "no-dead-letter";
    case LossCause::kPurged: return "purged";
    case LossCause::kMissed: return "missed";
    case LossCause::kOverdue: return "overdue";
    case LossCause::kUnclaimed: return "unclaimed";
  }
  return "expired";
}

void LossLedger::Count(LossCause cause, std::string_view where, std::uint64_t messages) {
  constexpr std::size_t kMostPlaces = 1'000;
  if (messages == 0) return;
  auto counts = counts_.Lock();
  auto found = counts->find({cause, std::string(where)});
  if (found == counts->end()) {
    const bool room = counts->size() < kMostPlaces;
    found = counts->try_emplace({cause, room ? std::string(where) : std::string("other")}, 0).first;
  }
  found->second += messages;
}

void LossLedger::Add(const LossLedger& other) {
  for (const auto& [place, count] : other.All()) Count(place.first, place.second, count);
}

std::uint64_t LossLedger::Of(LossCause cause) const {
  std::uint64_t messages = 0;
  for (const auto& [place, count] : *counts_.Lock()) {
    if (place.first == cause) messages += count;
  }
  return messages;
}

std::vector<std::pair<std::string, std::uint64_t>> LossLedger::ByCause() const {
  // They lie in the order of causes.
  std::vector<std::pair<std::string, std::uint64_t>> causes;
  for (const auto& [place, count] : *counts_.Lock()) {
    const std::string_view cause = Name(place.first);
    if (causes.empty() || causes.back().first != cause) causes.emplace_back(cause, 0);
    causes.back().second += count;
  }
  return causes;
}

std::map<std::pair<LossCause, std::string>, std::uint64_t> LossLedger::All() const { return *counts_.Lock(); }

}  // namespace tidings::messaging
