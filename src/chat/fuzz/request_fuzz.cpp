// What clients ask for: checking a request is total, and what it lets through can be stored and shown.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <tidings/base/bytes.hpp>
#include <tidings/chat/draft.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/chat/text_scan.hpp>

using namespace tidings;
using namespace tidings::chat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Offset::Parse(text);
  const auto parsed = json::Parse(text);
  if (!parsed || !parsed->is_object()) return 0;
  const json::object& request = parsed->get_object();
  const Limits limits;
  if (const auto send = ParseSend("room", request, true, limits)) {
    for (const std::string* json : {&send->media_json, &send->contact_json}) {
      if (!json->empty() && !json::Parse(*json)) std::abort();
    }
    if (!IsUtf8(send->text)) std::abort();
    FindMentions(send->text, [](std::string_view id) { return id.size() % 2 == 0; });
    const std::string links = PendingLinks(FindLinks(send->text, 10));
    if (!links.empty() && !json::Parse(links)) std::abort();
  }
  (void)ParseRoom(request, limits);
  (void)ParseText(request, limits);
  (void)ParseUserIds(request, "userIds", 1'000);
  return 0;
}
