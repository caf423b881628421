#include <tidings/net/chat/read_gatherer.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace tidings::net {

void ReadGatherer::Add(Place& place, chat::ReadMark mark, Millis now) {
  if (mark.done) {
    Hurry(place);
    asked_.push_back(std::move(mark));
    if (asked_.size() >= kAtOnce) FlushAsked();
    return;
  }
  bool others = false;
  if (place.batch == batch_) {
    chat::ReadMark& last = waiting_[place.index];
    if (last.room == mark.room) {
      last.seq = std::max(last.seq, mark.seq);
      return;
    }
    others = true;
  }
  if (waiting_.empty()) since_ = now;
  place = {.batch = batch_, .index = waiting_.size(), .others = others};
  waiting_.push_back(std::move(mark));
  if (waiting_.size() >= kMost) FlushAll();
}

// Puts what a socket has waiting among those that are asked for.
void ReadGatherer::Hurry(Place& place) {
  if (place.batch != batch_) return;
  if (place.others) return FlushAll();
  asked_.push_back(std::exchange(waiting_[place.index], {}));
  place = {};
}

void ReadGatherer::HandOverOf(Place& place) {
  if (place.batch != batch_) return;
  Hurry(place);
  FlushAsked();
}

void ReadGatherer::FlushAsked() { Submit(std::exchange(asked_, {})); }

void ReadGatherer::FlushAll() {
  FlushAsked();
  ++batch_;
  auto all = std::exchange(waiting_, {});
  std::erase_if(all, [](const chat::ReadMark& mark) { return mark.caller == nullptr; });
  for (std::size_t at = 0; at < all.size(); at += kAtOnce) {
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = from + static_cast<std::ptrdiff_t>(std::min(kAtOnce, all.size() - at));
    Submit({std::move_iterator(from), std::move_iterator(to)});
  }
}

void ReadGatherer::Submit(std::vector<chat::ReadMark> marks) {
  if (!marks.empty()) hand_over_(std::move(marks));
}

void ReadGatherer::OnTick(Millis now) {
  FlushAsked();
  if (!waiting_.empty() && (waiting_.size() <= kFew || now >= since_ + kLongest)) FlushAll();
}

}  // namespace tidings::net
