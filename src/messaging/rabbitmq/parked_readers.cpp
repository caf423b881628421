#include "parked_readers.hpp"

#include <algorithm>
#include <utility>

namespace tidings::messaging::rabbitmq {
namespace {

// A reader that stands so far before the place that is asked for reads on to it.
constexpr std::uint64_t kMostSkipped = 100;

}  // namespace

std::shared_ptr<StreamReader> ParkedReaders::Take(const std::string& stream, std::uint64_t from) {
  const auto usable = [&](const Parked& parked) {
    const StreamReader& reader = *parked.reader;
    return reader.stream() == stream && reader.position() <= from && from - reader.position() <= kMostSkipped &&
           (!reader.empty() || reader.alive());
  };
  const auto found = std::ranges::find_if(parked_, usable);
  if (found == parked_.end()) return nullptr;
  auto reader = std::move(found->reader);
  parked_.erase(found);
  while (!reader->empty() && reader->position() < from) reader->Take();
  return reader;
}

void ParkedReaders::Park(std::shared_ptr<StreamReader> reader) {
  parked_.push_back({std::move(reader), timers_.Steady() + kFor.count()});
  if (parked_.size() > kMost) {
    parked_.front().reader->Stop();
    parked_.pop_front();
  }
  if (parked_.size() == 1) Drop();
}

void ParkedReaders::Drop() {
  const Millis now = timers_.Steady();
  while (!parked_.empty() && parked_.front().until <= now) {
    parked_.front().reader->Stop();
    parked_.pop_front();
  }
  if (parked_.empty()) return alarm_.Cancel();
  alarm_ = timers_.Set(std::chrono::milliseconds(parked_.front().until - now), [this] { Drop(); });
}

void ParkedReaders::Clear() {
  for (const Parked& parked : parked_) parked.reader->Stop();
  parked_.clear();
  alarm_.Cancel();
}

}  // namespace tidings::messaging::rabbitmq
