#include "history.hpp"

#include <span>
#include <string>

#include "numbers.hpp"
#include "pages.hpp"

namespace tidings::sqlite {

using chat::MessagePage;
using chat::MessageRecord;
using chat::PageQuery;
using chat::RoomKey;
using chat::RoomRow;
using chat::Seq;

namespace {

[[noreturn]] void ThrowDamaged(RoomKey room, Seq seq, std::string_view what) {
  ThrowBadRow("message " + std::to_string(seq) + " of room " + std::to_string(room) + " is damaged (" +
              std::string(what) + ")");
}

// Numbers that lie so near each other that what is between them is read along.
constexpr Seq kNear = 4;

// How many of the ascending numbers, from the first on, are read at once.
std::size_t RunOf(std::span<const Seq> numbers) {
  std::size_t run = 1;
  while (run < numbers.size() && numbers[run] - numbers[run - 1] <= kNear) ++run;
  return run;
}

MessagePage Empty(const RoomRow& room, const NumberPage& numbers) {
  MessagePage page;
  page.head = room.head;
  page.has_before = numbers.has_before;
  page.has_after = numbers.has_after;
  page.messages.reserve(numbers.numbers.size());
  return page;
}

}  // namespace

History::History(Database& database)
    : database_(database),
      events_(database.Slot<EventRows>()),
      states_(database),
      imported_(database, "SELECT position FROM events WHERE id = ?1") {}

MessagePage History::Messages(const RoomRow& room, const PageQuery& query) {
  RoomNumbers numbers(database_, room.key);
  const NumberPage found = PageOf(numbers, query);
  MessagePage page = Empty(room, found);
  if (found.numbers.empty()) return page;
  // A page holds every message of its range, so the range holds no other message's state.
  const auto states = states_.Between(room.key, found.numbers.front(), found.numbers.back());
  auto state = states.begin();
  for (std::span<const Seq> left(found.numbers); !left.empty();) {
    const auto run = left.first(RunOf(left));
    left = left.subspan(run.size());
    const auto events = events_.ReadStream(room.key, run.front(), run.back() - run.front() + 1);
    for (const Seq seq : run) {
      while (state != states.end() && state->first < seq) ++state;
      const std::size_t at = seq - run.front();
      if (at >= events.size() || events[at].type != chat::event_type::kMessageCreated) {
        ThrowDamaged(room.key, seq, "it is not in the log");
      }
      if (state != states.end() && state->first == seq) {
        page.messages.push_back(FromState(room.key, seq, state->second));
      } else if (auto message = chat::MessageOf(events[at])) {
        page.messages.push_back(std::move(*message));
      } else {
        ThrowDamaged(room.key, seq, "its data");
      }
    }
  }
  return page;
}

MessagePage History::Thread(const RoomRow& room, Seq parent, const PageQuery& query) {
  ReplyNumbers numbers(database_, room.key, parent);
  const NumberPage found = PageOf(numbers, query);
  MessagePage page = Empty(room, found);
  for (const Seq seq : found.numbers) {
    auto message = At(room.key, seq);
    if (!message) ThrowDamaged(room.key, seq, "it is not in the log");
    page.messages.push_back(std::move(*message));
  }
  return page;
}

std::optional<MessageRecord> History::Find(RoomKey room, std::string_view message_id) {
  const auto event = EventOf(message_id);
  if (!event || event->stream != room || event->type != chat::event_type::kMessageCreated) return std::nullopt;
  if (const auto state = states_.Find(room, event->version)) return FromState(room, event->version, *state);
  auto message = chat::MessageOf(*event);
  if (!message) ThrowDamaged(room, event->version, "its data");
  return message;
}

std::optional<MessageRecord> History::At(RoomKey room, Seq seq) {
  if (const auto state = states_.Find(room, seq)) return FromState(room, seq, *state);
  return FromLog(room, seq);
}

Seq History::LastEventOf(RoomKey room, Seq seq) {
  const Seq last = states_.LastEvent(room, seq);
  return last == 0 ? seq : last;
}

std::optional<MessageRecord> History::AsOf(RoomKey room, Seq event) {
  const auto stored = events_.Read(room, event);
  if (!stored || !stored->type.starts_with("message.")) return std::nullopt;
  auto message = chat::MessageOf(*stored);
  if (!message) ThrowDamaged(room, event, "its data");
  return message;
}

MessageRecord History::FromState(RoomKey room, Seq seq, std::string_view state) {
  auto message = MessageRecord::Decode(state);
  if (!message) ThrowDamaged(room, seq, "its state");
  if (message->id.empty() || message->seq != seq) {
    const auto event = events_.Read(room, seq);
    if (!event) ThrowDamaged(room, seq, "it is not in the log");
    chat::CompleteCreated(*message, *event);
  }
  return std::move(*message);
}

std::optional<MessageRecord> History::FromLog(RoomKey room, Seq seq) {
  const auto event = events_.Read(room, seq);
  if (!event || event->type != chat::event_type::kMessageCreated) return std::nullopt;
  auto message = chat::MessageOf(*event);
  if (!message) ThrowDamaged(room, seq, "its data");
  return message;
}

// An id names its event's place, except that of an event from elsewhere, which is found by the id itself.
std::optional<eventing::StoredEvent> History::EventOf(std::string_view message_id) {
  const auto id = Uuid::Parse(message_id);
  if (!id) return std::nullopt;
  auto event = events_.ReadAt(id->Place());
  if (event && event->id == *id) return event;
  const auto position = imported_.Number(Blob({reinterpret_cast<const char*>(id->bytes().data()), 16}));
  return position ? events_.ReadAt(static_cast<eventing::Position>(*position)) : std::nullopt;
}

}  // namespace tidings::sqlite
