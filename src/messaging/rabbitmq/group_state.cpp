#include "group_state.hpp"

#include <algorithm>
#include <charconv>

#include "take_until.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// What a step costs in the log beside its text.
constexpr std::size_t kStepOverhead = 200;
constexpr std::uint64_t kMostNumbers = 1'000'000;

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Whether the text consists of numbers alone, one for each of `into`.
bool Numbers(std::string_view& text, std::initializer_list<std::uint64_t*> into) {
  return std::ranges::all_of(into, [&](std::uint64_t* number) {
    const auto read = Number(TakeUntil(text, ' '));
    if (read) *number = *read;
    return read.has_value();
  });
}

std::uint64_t Unsigned(Millis at) { return static_cast<std::uint64_t>(std::max<Millis>(at, 0)); }

}  // namespace

std::string RangesText(const std::vector<std::uint64_t>& numbers) {
  std::string text;
  for (std::size_t begin = 0; begin < numbers.size();) {
    std::size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (!text.empty()) text += ',';
    text += std::to_string(numbers[begin]);
    if (end - begin > 1) text += "-" + std::to_string(numbers[end - 1]);
    begin = end;
  }
  return text;
}

std::optional<std::vector<std::uint64_t>> ParseRanges(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  while (!text.empty()) {
    std::string_view range = TakeUntil(text, ',');
    const auto first = Number(TakeUntil(range, '-'));
    const auto last = range.empty() ? first : Number(range);
    if (!first || !last || *last < *first || *last - *first >= kMostNumbers - numbers.size()) return std::nullopt;
    if (!numbers.empty() && *first <= numbers.back()) return std::nullopt;
    for (std::uint64_t count = *last - *first + 1; count > 0; --count) numbers.push_back(*last - count + 1);
  }
  return numbers;
}

GroupStep GroupStep::Create(std::uint64_t after) {
  GroupStep step;
  step.after = after;
  return step;
}

GroupStep GroupStep::Take(std::size_t limit, Millis at, std::vector<std::uint64_t> ids, std::uint64_t after) {
  GroupStep step;
  step.after = after;
  step.kind = Kind::kTake;
  step.limit = limit;
  step.at = Unsigned(at);
  step.ids = std::move(ids);
  return step;
}

GroupStep GroupStep::Ack(std::vector<std::uint64_t> ids) {
  GroupStep step;
  step.kind = Kind::kAck;
  step.ids = std::move(ids);
  std::ranges::sort(step.ids);
  const auto repeated = std::ranges::unique(step.ids);
  step.ids.erase(repeated.begin(), repeated.end());
  return step;
}

GroupStep GroupStep::Claim(std::uint64_t idle, std::size_t limit, Millis at) {
  GroupStep step;
  step.kind = Kind::kClaim;
  step.idle = idle;
  step.limit = limit;
  step.at = Unsigned(at);
  return step;
}

GroupStep GroupStep::Restart(std::uint64_t after) {
  GroupStep step;
  step.after = after;
  step.kind = Kind::kRestart;
  return step;
}

std::string GroupStep::Text() const {
  switch (kind) {
    case Kind::kCreate: return "create " + std::to_string(after);
    case Kind::kTake:
      return "take " + std::to_string(limit) + " " + std::to_string(at) + " " + std::to_string(after) + " " +
             RangesText(ids);
    case Kind::kAck: return "ack " + RangesText(ids);
    case Kind::kRestart: return "restart " + std::to_string(after);
    case Kind::kClaim: break;
  }
  return "claim " + std::to_string(idle) + " " + std::to_string(limit) + " " + std::to_string(at);
}

std::optional<GroupStep> GroupStep::Parse(std::string_view text) {
  GroupStep step;
  const std::string_view word = TakeUntil(text, ' ');
  if (word == "create" && Numbers(text, {&step.after})) return step;
  const bool take = word == "take" && Numbers(text, {&step.limit, &step.at, &step.after});
  if (take || word == "ack") {
    step.kind = take ? Kind::kTake : Kind::kAck;
    auto ids = ParseRanges(text);
    if (!ids) return std::nullopt;
    step.ids = std::move(*ids);
    return step;
  }
  step.kind = Kind::kRestart;
  if (word == "restart" && Numbers(text, {&step.after})) return step;
  step.kind = Kind::kClaim;
  if (word == "claim" && Numbers(text, {&step.idle, &step.limit, &step.at})) return step;
  return std::nullopt;
}

bool GroupState::IsRepeat(std::string_view writer, std::uint64_t number) {
  const auto found = std::ranges::find(writers_, writer, &std::pair<std::string, std::uint64_t>::first);
  if (found == writers_.end()) {
    if (writers_.size() == kMostWriters) writers_.erase(writers_.begin());
    writers_.emplace_back(writer, number);
    return false;
  }
  if (number <= found->second) return true;
  found->second = number;
  std::rotate(found, found + 1, writers_.end());
  return false;
}

GroupOutcome GroupState::Apply(std::string_view writer, std::uint64_t number, const GroupStep& step) {
  GroupOutcome outcome;
  if (step.kind == GroupStep::Kind::kCreate && !created_) {
    created_ = true;
    last_ = step.after;
  }
  outcome.group = created_;
  if (!created_ || IsRepeat(writer, number)) return outcome;
  switch (step.kind) {
    case GroupStep::Kind::kCreate: break;
    case GroupStep::Kind::kTake:
      if (last_ < step.after) break;
      for (const std::uint64_t id : step.ids) {
        if (id <= last_) continue;
        outcome.full = pending_.size() >= kMostPending;
        if (outcome.full || outcome.handed.size() >= step.limit) break;
        pending_[id] = Pending{step.at, 1};
        last_ = id;
        outcome.handed.emplace_back(id, 1);
      }
      break;
    case GroupStep::Kind::kAck:
      for (const std::uint64_t id : step.ids) outcome.acknowledged += pending_.erase(id);
      break;
    case GroupStep::Kind::kClaim:
      for (auto& [id, pending] : pending_) {
        if (outcome.handed.size() >= step.limit) break;
        // It was handed out by a clock that is far ahead of the claimer's: as if that had gone on only so far as it asks for.
        if (pending.since > step.at && pending.since - step.at > step.idle) pending.since = step.at + step.idle;
        if (step.at < pending.since || step.at - pending.since < step.idle) continue;
        pending.since = step.at;
        ++pending.deliveries;
        outcome.handed.emplace_back(id, pending.deliveries);
      }
      break;
    case GroupStep::Kind::kRestart:
      if (last_ != step.after) break;
      outcome.acknowledged = pending_.size();
      pending_.clear();
      last_ = 0;
      break;
  }
  return outcome;
}

// "7\nw token 12\np 3-5,7 1700… 1\n": the last id, the writers, and what is pending by time and count.
std::string GroupState::Text() const {
  if (!created_) return "";
  std::string text = std::to_string(last_) + "\n";
  for (const auto& [writer, number] : writers_) text += "w " + writer + " " + std::to_string(number) + "\n";
  for (auto begin = pending_.begin(); begin != pending_.end();) {
    std::vector<std::uint64_t> ids;
    auto end = begin;
    for (; end != pending_.end() && end->second == begin->second; ++end) ids.push_back(end->first);
    text += "p " + RangesText(ids) + " " + std::to_string(begin->second.since) + " " +
            std::to_string(begin->second.deliveries) + "\n";
    begin = end;
  }
  return text;
}

std::optional<GroupState> GroupState::Parse(std::string_view text) {
  GroupState state;
  if (text.empty()) return state;
  const auto last = Number(TakeUntil(text, '\n'));
  if (!last) return std::nullopt;
  state.created_ = true;
  state.last_ = *last;
  while (!text.empty()) {
    std::string_view line = TakeUntil(text, '\n');
    const std::string_view kind = TakeUntil(line, ' ');
    const std::string_view what = TakeUntil(line, ' ');
    std::uint64_t number = 0;
    std::uint64_t deliveries = 0;
    if (kind == "w" && Numbers(line, {&number}) && state.writers_.size() < kMostWriters) {
      state.writers_.emplace_back(what, number);
      continue;
    }
    const auto ids = ParseRanges(what);
    if (kind != "p" || !ids || !Numbers(line, {&number, &deliveries})) return std::nullopt;
    for (const std::uint64_t id : *ids) {
      state.pending_[id] = Pending{number, static_cast<std::uint32_t>(deliveries)};
    }
    if (state.pending_.size() > kMostPending) return std::nullopt;
  }
  return state;
}

std::string GroupReplica::StateStep() const { return "state " + std::to_string(next_ - 1) + " " + state_.Text(); }

std::optional<GroupOutcome> GroupReplica::Feed(std::uint64_t offset, std::string_view stamp, std::string_view body) {
  if (offset < next_) return std::nullopt;
  // RabbitMQ 3.10.8 gives one offset at the beginning of each segment but the first to itself. Where more are missing, the
  // log was cut off before it was read: as one who comes anew.
  const bool cut = offset > next_ + 1 || (offset > 0 && next_ == 0);
  if (cut || next_ == 0) {
    whole_ = offset == 0;
    waiting_.clear();
    first_ = offset;
    segment_ = stated_ = 0;
    state_ = GroupState();
  } else if (offset > next_) {
    segment_ = offset;
  }
  next_ = offset + 1;
  bytes_ += body.size() + kStepOverhead;
  if (body.starts_with("state ")) {
    FeedState(body);
    return std::nullopt;
  }
  if (whole_) return FeedStep(stamp, body);
  waiting_.push_back(Logged{offset, std::string(stamp), std::string(body)});
  return std::nullopt;
}

std::optional<GroupOutcome> GroupReplica::FeedStep(std::string_view stamp, std::string_view body) {
  const auto by = ParseStamp(stamp);
  const auto step = GroupStep::Parse(body);
  if (!by || !step) return std::nullopt;
  return state_.Apply(by->first, by->second, *step);
}

// It was written after the step that it speaks of: steps may stand between.
void GroupReplica::FeedState(std::string_view body) {
  const std::size_t size = body.size();
  TakeUntil(body, ' ');
  const auto upto = Number(TakeUntil(body, ' '));
  if (!upto || *upto >= next_ - 1) return;
  if (!whole_) {
    auto state = *upto + 1 >= first_ ? GroupState::Parse(body) : std::nullopt;
    if (!state) return;
    state_ = std::move(*state);
    whole_ = true;
    for (const Logged& logged : std::exchange(waiting_, {})) {
      if (logged.offset > *upto) FeedStep(logged.stamp, logged.body);
    }
  }
  stated_ = *upto + 1;
  bytes_ = 0;
  state_bytes_ = size;
}

std::string StampText(std::string_view writer, std::uint64_t number) {
  return std::string(writer) + "-" + std::to_string(number);
}

std::optional<std::pair<std::string_view, std::uint64_t>> ParseStamp(std::string_view stamp) {
  const std::size_t dash = stamp.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  // What is not a name of this client's making would not be read back from a state.
  constexpr std::string_view kNameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  constexpr std::size_t kMostName = 64;
  if (dash > kMostName || stamp.substr(0, dash).find_first_not_of(kNameCharacters) != std::string_view::npos) {
    return std::nullopt;
  }
  const auto number = Number(stamp.substr(dash + 1));
  if (!number) return std::nullopt;
  return std::pair(stamp.substr(0, dash), *number);
}

}  // namespace tidings::messaging::rabbitmq
