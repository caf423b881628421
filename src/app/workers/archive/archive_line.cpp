#include "archive/archive_line.hpp"

#include <tidings/base/json.hpp>

#include "archive/archive_file.hpp"
#include "event_check.hpp"
#include "lane.hpp"

namespace tidings::app {
namespace {

constexpr std::string_view kCreated = "message.created";
constexpr std::string_view kDeleted = "message.deleted";
constexpr std::size_t kDayLength = 10;

std::string TextOf(const json::object& object, std::string_view key) {
  const json::value* const found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

json::object* ObjectIn(json::object& object, std::string_view key) {
  json::value* const found = object.if_contains(key);
  return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

// Sets it if it is there and another. True if it was.
bool Blank(json::object& object, std::string_view key, json::value blank) {
  json::value* const found = object.if_contains(key);
  if (found == nullptr || *found == blank) return false;
  *found = std::move(blank);
  return true;
}

bool BlankMessage(json::object& document) {
  bool changed = Blank(document, "text", "");
  changed |= Blank(document, "media", json::array());
  changed |= Blank(document, "contact", nullptr);
  changed |= Blank(document, "linked", false);
  changed |= Blank(document, "links", json::array());
  changed |= Blank(document, "mentions", json::array());
  return changed;
}

}  // namespace

Result<ArchiveLine> MakeArchiveLine(const messaging::Message& event) {
  const auto malformed = [](std::string why) { return Fail(ErrorCode::kMalformed, std::move(why)); };
  if (Status checked = CheckTimedEvent(event); !checked) return std::unexpected(checked.error());
  auto body = json::Parse(event.body);
  if (!body || !body->is_object()) return malformed("the event's body is no JSON object");
  json::object* document = &body->get_object();
  if (event.type != kCreated) document = ObjectIn(*document, "data");
  if (document == nullptr) return malformed("the event has no data");
  ArchiveLine line;
  line.room = KeyOf(event);
  const std::string_view at = event.headers.Get("cloudEvents:time");
  line.day = at.substr(0, kDayLength);
  line.seq = event.headers.Number("seq").value_or(0);
  line.message = TextOf(*document, "_id");
  line.created = TextOf(*document, "created_at").substr(0, kDayLength);
  line.deletes = event.type == kDeleted;
  if (json::object* reply = ObjectIn(*document, "reply_to")) line.quoted = TextOf(*reply, "_id");
  if (line.message.empty()) return malformed("the event is of no message");
  if (!IsDay(line.created)) line.created = line.day;
  json::ObjectWriter writer(line.text);
  writer.Text("type", event.type).Text("id", event.id).Text("room", line.room).Number("seq", line.seq).Text("at", at);
  writer.Raw("data", json::serialize(*document)).End();
  // It stands a level deeper than it came.
  if (!json::Parse(line.text)) return malformed("the event is nested too deeply");
  line.text += '\n';
  return line;
}

std::optional<std::string> RedactLine(std::string_view line, std::string_view message) {
  auto parsed = json::Parse(line);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  json::object& whole = parsed->get_object();
  json::object* const document = ObjectIn(whole, "data");
  if (document == nullptr) return std::nullopt;
  bool changed = TextOf(*document, "_id") == message && BlankMessage(*document);
  if (json::object* const reply = ObjectIn(*document, "reply_to")) {
    if (TextOf(*reply, "_id") == message) changed |= Blank(*reply, "text", "");
  }
  if (!changed) return std::nullopt;
  whole["redacted"] = true;
  return json::serialize(whole) + "\n";
}

}  // namespace tidings::app
