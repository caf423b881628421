#include <tidings/messaging/cloud_events.hpp>

namespace tidings::messaging {
namespace {

std::string Attribute(std::string_view name) { return std::string(header::kCloudEventsPrefix).append(name); }

}  // namespace

void CloudEvents::Stamp(Message& message, Millis now) const {
  Headers& headers = message.headers;
  headers.SetDefault(Attribute("specversion"), "1.0");
  headers.SetDefault(Attribute("id"), message.id);
  headers.SetDefault(Attribute("source"), source_);
  headers.SetDefault(Attribute("type"), message.type.empty() ? std::string("message") : message.type);
  headers.SetDefault(Attribute("time"), FormatTime(now));
  if (!message.key.empty()) headers.SetDefault(Attribute("subject"), message.key);
}

std::optional<CloudEvent> CloudEvents::Read(const Message& message) {
  const auto get = [&](std::string_view name) { return std::string(message.headers.Get(Attribute(name))); };
  CloudEvent event;
  event.id = get("id");
  event.source = get("source");
  event.type = get("type");
  event.subject = get("subject");
  event.time = get("time");
  event.data_content_type = std::string(message.headers.Get(header::kContentType));
  const std::string version = get("specversion");
  if (!version.starts_with("1.") || event.id.empty() || event.source.empty() || event.type.empty()) {
    return std::nullopt;
  }
  return event;
}

}  // namespace tidings::messaging
