#include <tidings/messaging/numbering.hpp>

#include <utility>

#include <tidings/base/id.hpp>

namespace tidings::messaging {
namespace {

// Between a producer's name and a key.
constexpr char kApart = '\x1f';
// SQLite keeps numbers with a sign.
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 62;

std::shared_ptr<const std::string> NewName() {
  constexpr std::size_t kLength = 16;
  return std::make_shared<const std::string>(RandomToken(kLength));
}

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

Numbering::Numbering() : producer_(NewName()) {}

Numbering::Numbering(Last last, std::string producer)
    : last_(std::move(last)), producer_(std::make_shared<const std::string>(std::move(producer))) {}

Status Numbering::Stamp(Message& message) {
  if (message.key.empty()) return Status();
  Count* count = Find(message.key);
  if (count == nullptr) {
    std::uint64_t last = 0;
    if (last_) {
      const auto told = last_(message.key);
      if (!told) return std::unexpected(told.error().Within("the last number of key " + message.key));
      last = *told;
    }
    MakeRoom();
    count = &newer_.emplace(message.key, Count(last, producer_)).first->second;
  }
  SetNumber(message, ++count->last, *count->producer);
  return Status();
}

Numbering::Count* Numbering::Find(const std::string& key) {
  if (const auto found = newer_.find(key); found != newer_.end()) return &found->second;
  auto known = older_.extract(key);
  if (!known) return nullptr;
  MakeRoom();
  return &newer_.insert(std::move(known)).position->second;
}

void Numbering::MakeRoom() {
  if (newer_.size() < kMostKeys / 2) return;
  older_ = std::exchange(newer_, Counts());
  if (!last_) producer_ = NewName();
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

std::string SequencePlace::KeyOf(const std::string& sequence) {
  const std::size_t apart = sequence.find(kApart);
  return apart == std::string::npos ? sequence : sequence.substr(apart + 1);
}

}  // namespace tidings::messaging
