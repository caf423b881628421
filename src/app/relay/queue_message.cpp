#include <tidings/app/queue_message.hpp>

#include <tidings/chat/trace_parent.hpp>

namespace tidings::app {
namespace {

void SetCloudEvent(messaging::Headers& headers, std::string_view attribute, std::string value) {
  headers.Set(std::string(messaging::header::kCloudEventsPrefix) + std::string(attribute), std::move(value));
}

bool AppendBody(std::string& out, const chat::LogEvent& event, const chat::QuoteSource& quotes) {
  if (event.event.type != kMessageCreated) return chat::AppendEvent(out, event.room, event.event, quotes);
  auto message = chat::MessageOf(event.event);
  if (!message) return false;
  if (message->reply_seq != 0) message->reply_json = quotes(message->reply_seq, event.event.version);
  chat::AppendMessage(out, event.room, *message);
  return true;
}

}  // namespace

std::optional<messaging::Message> QueueMessage(const chat::LogEvent& event, const chat::QuoteSource& quotes,
                                               std::string_view source) {
  std::string body;
  if (!AppendBody(body, event, quotes)) return std::nullopt;
  auto message = messaging::Message::WithId(event.event.id.Text(), event.event.type, std::move(body));
  message.key = event.room;
  message.headers.Set(messaging::header::kContentType, "application/json");
  message.headers.Set(messaging::header::kTimestamp, FormatTime(event.event.at));
  SetCloudEvent(message.headers, "specversion", "1.0");
  SetCloudEvent(message.headers, "id", message.id);
  SetCloudEvent(message.headers, "source", std::string(source));
  SetCloudEvent(message.headers, "type", event.event.type);
  SetCloudEvent(message.headers, "time", FormatTime(event.event.at));
  SetCloudEvent(message.headers, "subject", event.room);
  message.headers.Set(kSeqHeader, std::to_string(event.event.version));
  if (auto trace = chat::TraceParentOf(event.event); !trace.empty()) {
    message.headers.Set(messaging::header::kTraceParent, std::move(trace));
  }
  return message;
}

}  // namespace tidings::app
