#include "log_pages.hpp"

#include <map>

#include <tidings/app/asking.hpp>
#include <tidings/app/queue_message.hpp>

namespace tidings::app {
namespace {

LogPage MakePage(chat::Reader& reader, chat::Position after, std::string_view source) {
  LogPage page;
  std::map<chat::RoomKey, chat::QuoteSource> quotes;
  for (const chat::LogEvent& event : reader.Log(after, LogPages::kMostEvents)) {
    auto& quote = quotes[event.event.stream];
    if (!quote) quote = chat::QuotesOf(reader, event.event.stream);
    if (page.last == 0) page.oldest_at = event.event.at;
    page.last = event.event.position;
    auto message = QueueMessage(event, quote, source);
    if (!message) {
      page.damaged.push_back(event.event.position);
      continue;
    }
    messaging::PublishOptions options;
    options.require_route = event.event.type == kMessageCreated;
    page.messages.emplace_back(messaging::Address::Exchange(std::string(kEventsExchange), event.event.type),
                               std::move(*message), options);
    page.positions.push_back(event.event.position);
  }
  return page;
}

}  // namespace

messaging::Task<Result<LogPage>> LogPages::After(chat::Position position) {
  std::move_only_function<LogPage(chat::Reader&)> question = [position, source = source_](chat::Reader& reader) {
    return MakePage(reader, position, source);
  };
  co_return co_await AskReader<LogPage>(executor_, reads_, std::move(question));
}

messaging::Task<Result<chat::Position>> LogPages::Checkpoint(std::string name) {
  std::move_only_function<chat::Position(chat::Reader&)> question = [name = std::move(name)](chat::Reader& reader) {
    return reader.Checkpoint(name);
  };
  co_return co_await AskReader<chat::Position>(executor_, reads_, std::move(question));
}

}  // namespace tidings::app
