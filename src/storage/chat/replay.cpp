#include "replay.hpp"

#include <algorithm>
#include <limits>

namespace tidings::sqlite {

using chat::Position;
using eventing::StoredEvent;

namespace {

constexpr std::size_t kMostAsked = 1'024;
// Events are read in runs; a run is guessed to fit what may still be sent, so that little is read in vain.
constexpr std::size_t kGuessedBytes = 160;
constexpr Position kNever = std::numeric_limits<Position>::max();

}  // namespace

Replay::Replay(Database& database)
    : events_(database.Slot<EventRows>()),
      positions_(database,
                 "SELECT position FROM events WHERE stream = ?1 AND version >= ?2 ORDER BY version LIMIT ?3") {}

void Replay::Fill(Lane& lane, Position upto) {
  lane.positions.clear();
  lane.taken = 0;
  for (Rows rows = positions_.Query(lane.room, lane.next, lane.ask); rows.Next();) {
    const Position position = rows.Whole(0);
    if (position > upto) break;
    lane.positions.push_back(position);
  }
  lane.ask = std::min(lane.ask * 4, kMostAsked);
}

std::vector<StoredEvent> Replay::Missed(const std::vector<chat::ReplayPlace>& places, Position upto,
                                        std::size_t bytes) {
  std::vector<Lane> lanes;
  lanes.reserve(places.size());
  for (const chat::ReplayPlace& place : places) {
    Lane lane;
    lane.room = place.room;
    lane.next = place.sent + 1;
    if (places.size() == 1) lane.ask = kMostAsked;
    Fill(lane, upto);
    if (!lane.Empty()) lanes.push_back(std::move(lane));
  }
  const auto later = [&](const Lane& a, const Lane& b) { return a.Front() > b.Front(); };
  std::ranges::make_heap(lanes, later);

  std::vector<StoredEvent> missed;
  std::size_t sum = 0;
  while (!lanes.empty()) {
    std::ranges::pop_heap(lanes, later);
    Lane& lane = lanes.back();
    // The room goes on until another room's next event comes.
    const Position other = lanes.size() > 1 ? lanes.front().Front() : kNever;
    const std::size_t guess = (bytes - std::min(sum, bytes)) / kGuessedBytes + 1;
    std::size_t run = 1;
    while (run < guess && lane.taken + run < lane.positions.size() && lane.positions[lane.taken + run] < other) ++run;
    for (StoredEvent& event : events_.ReadStream(lane.room, lane.next, run)) {
      if (!missed.empty() && sum + event.data.size() > bytes) return missed;
      sum += event.data.size();
      missed.push_back(std::move(event));
    }
    lane.taken += run;
    lane.next += run;
    if (lane.Empty()) Fill(lane, upto);
    if (lane.Empty()) {
      lanes.pop_back();
    } else {
      std::ranges::push_heap(lanes, later);
    }
  }
  return missed;
}

}  // namespace tidings::sqlite
