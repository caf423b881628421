#include <tidings/messaging/numbering.hpp>

#include <tidings/base/id.hpp>

namespace tidings::messaging {
namespace {

// Between a producer's name and a key.
constexpr char kApart = '\x1f';
// SQLite keeps numbers with a sign.
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 62;
constexpr std::size_t kNameLength = 16;

}  // namespace

void SetNumber(Message& message, std::uint64_t number, const std::string& producer) {
  message.headers.Set(header::kNumber, std::to_string(number));
  message.headers.Remove(header::kAfter);
  if (producer.empty()) {
    message.headers.Remove(header::kProducer);
  } else {
    message.headers.Set(header::kProducer, producer);
  }
}

void SetNumber(Message& message, std::uint64_t number, std::uint64_t after, const std::string& producer) {
  SetNumber(message, number, producer);
  if (after + 1 != number) message.headers.Set(header::kAfter, std::to_string(after));
}

Numbering::Numbering() : producer_(RandomToken(kNameLength)) {}

Numbering::Numbering(Last last, std::string producer) : last_(std::move(last)), producer_(std::move(producer)) {}

Status Numbering::Stamp(Message& message) {
  if (message.key.empty()) return Status();
  auto count = counts_.find(message.key);
  if (count == counts_.end()) {
    if (counts_.size() >= kMostKeys) {
      counts_.clear();
      if (!last_) producer_ = RandomToken(kNameLength);
    }
    std::uint64_t last = 0;
    if (last_) {
      const auto told = last_(message.key);
      if (!told) return std::unexpected(told.error().Within("the last number of key " + message.key));
      last = *told;
    }
    count = counts_.emplace(message.key, last).first;
  }
  SetNumber(message, ++count->second, producer_);
  return Status();
}

std::optional<SequencePlace> SequencePlace::Of(const Message& message) {
  if (message.key.empty()) return std::nullopt;
  const auto number = message.headers.Number(header::kNumber);
  if (!number || *number == 0 || *number > kMostNumber) return std::nullopt;
  const std::uint64_t after = message.headers.Number(header::kAfter).value_or(*number - 1);
  if (after >= *number) return std::nullopt;
  std::string sequence(message.headers.Get(header::kProducer));
  if (!sequence.empty()) sequence += kApart;
  sequence += message.key;
  return SequencePlace(std::move(sequence), *number, after);
}

}  // namespace tidings::messaging
