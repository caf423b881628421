#include "log_views.hpp"

#include <algorithm>
#include <map>

#include <tidings/app/asking.hpp>
#include <tidings/app/queue_message.hpp>
#include <tidings/messaging/topology.hpp>

#include "item_codec.hpp"

namespace tidings::app {
namespace {

using messaging::Message;
using messaging::Task;

// Counted by one question, so that the write-ahead log is not held for long.
constexpr std::size_t kCountedAtOnce = 20'000;

std::optional<Message> MessageAt(chat::Reader& reader, chat::Position position, std::string_view source) {
  const auto events = reader.Log(position - 1, 1);
  if (events.empty() || events.front().event.position != position) return std::nullopt;
  return QueueMessage(events.front(), chat::QuotesOf(reader, events.front().event.stream), source);
}

std::optional<Message> ReadAgain(chat::Reader& reader, const EntryPlace& place, std::string_view source) {
  std::optional<chat::EntryRow> row;
  if (place.stored) row = reader.QueueEntry(place.queue, place.place);
  if (row && row->message) return DecodeMessage(*row->message);
  if (place.source == 0) return std::nullopt;
  auto message = MessageAt(reader, place.source, source);
  if (message && row && row->headers) {
    auto headers = DecodeHeaders(*row->headers);
    if (!headers) return std::nullopt;
    message->headers = std::move(*headers);
  }
  return message;
}

LogStretch Read(chat::Reader& reader, const LogFilter& filter, chat::Position after, std::size_t limit,
                std::string_view source) {
  LogStretch stretch;
  stretch.from = after;
  std::map<chat::RoomKey, chat::QuoteSource> quotes;
  for (const chat::LogEvent& event : reader.Log(after, limit)) {
    stretch.last = event.event.position;
    if (!filter.Selects(event.event.type, event.event.position)) continue;
    auto& quote = quotes[event.event.stream];
    if (!quote) quote = chat::QuotesOf(reader, event.event.stream);
    auto message = QueueMessage(event, quote, source);
    if (!message) {
      ++stretch.damaged;
      continue;
    }
    stretch.messages.emplace_back(event.event.position, event.event.at, std::move(*message));
  }
  return stretch;
}

}  // namespace

bool LogFilter::Add(Pattern pattern) {
  const bool there =
      std::ranges::any_of(patterns_, [&](const Pattern& known) { return known.pattern == pattern.pattern; });
  if (!there) patterns_.push_back(std::move(pattern));
  return !there;
}

bool LogFilter::Selects(std::string_view type, chat::Position position) const {
  return std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
    return position > pattern.after && messaging::TopicMatches(pattern.pattern, type);
  });
}

Task<Result<chat::QueueRows>> LogViews::Rows() {
  std::move_only_function<chat::QueueRows(chat::Reader&)> question = [](chat::Reader& reader) {
    return reader.Queues();
  };
  return AskReader<chat::QueueRows>(executor_, reads_, std::move(question));
}

Task<Result<LogStretch>> LogViews::After(LogFilter filter, chat::Position position, std::size_t limit) {
  std::move_only_function<LogStretch(chat::Reader&)> question = [filter = std::move(filter), position, limit,
                                                                 source = source_](chat::Reader& reader) {
    return Read(reader, filter, position, limit, source);
  };
  return AskReader<LogStretch>(executor_, reads_, std::move(question));
}

Task<Result<std::vector<std::optional<Message>>>> LogViews::Again(std::vector<EntryPlace> places) {
  using Messages = std::vector<std::optional<Message>>;
  std::move_only_function<Messages(chat::Reader&)> question = [places = std::move(places),
                                                               source = source_](chat::Reader& reader) {
    Messages messages;
    for (const EntryPlace& place : places) messages.push_back(ReadAgain(reader, place, source));
    return messages;
  };
  return AskReader<Messages>(executor_, reads_, std::move(question));
}

Task<Result<std::uint64_t>> LogViews::Count(LogFilter filter, chat::Position after, chat::Position upto) {
  std::uint64_t count = 0;
  while (after < upto) {
    // Up to where one more pattern begins to select.
    chat::Position end = upto;
    for (const auto& pattern : filter.patterns()) {
      if (pattern.after > after) end = std::min(end, pattern.after);
    }
    std::move_only_function<chat::TypeCounts(chat::Reader&)> question = [after, end](chat::Reader& reader) {
      return reader.CountLog(after, end, kCountedAtOnce);
    };
    auto counts = co_await AskReader<chat::TypeCounts>(executor_, reads_, std::move(question));
    if (!counts) co_return std::unexpected(counts.error());
    std::uint64_t events = 0;
    for (const auto& [type, number] : counts->types) {
      events += number;
      if (filter.Selects(type, counts->last)) count += number;
    }
    after = events < kCountedAtOnce ? end : counts->last;
  }
  co_return count;
}

}  // namespace tidings::app
