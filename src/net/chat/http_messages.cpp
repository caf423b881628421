// Messages: send, history, changes.
#include <algorithm>
#include <utility>

#include "http_query.hpp"

namespace tidings::net {

namespace {

// Which page of messages the query asks for; `around` names a message, which the reader looks up.
struct Wanted {
  chat::PageQuery page;
  std::string around;
};

Result<Wanted> WantedOf(const realtime::HttpRequest& request) {
  Wanted wanted;
  auto limit = LimitOf(request, 50, 200);
  if (!limit) return std::unexpected(limit.error());
  wanted.page.limit = *limit;
  auto after = WholeOf(request, "after");
  if (!after) return std::unexpected(after.error());
  auto before = WholeOf(request, "before");
  if (!before) return std::unexpected(before.error());
  wanted.around = request.Query("around");
  if (after->has_value() + before->has_value() + !wanted.around.empty() > 1) {
    return Fail(ErrorCode::kInvalid, "give one of \"after\", \"before\" and \"around\"");
  }
  if (*after) {
    wanted.page.place = chat::PageQuery::Place::kAfter;
    wanted.page.seq = **after;
  } else if (*before) {
    wanted.page.place = chat::PageQuery::Place::kBefore;
    wanted.page.seq = **before;
  } else if (!wanted.around.empty()) {
    wanted.page.place = chat::PageQuery::Place::kAround;
  }
  return wanted;
}

Result<chat::MessageRecord> FindMessage(chat::Reader& reader, chat::RoomKey room, std::string_view id) {
  auto message = reader.FindMessage(room, id);
  if (!message) return Fail(ErrorCode::kNotFound, "there is no such message in this room");
  return std::move(*message);
}

// The messages' places in the page, the most wanted first: each has one of those before it as its neighbour.
std::vector<std::size_t> ByWorth(const chat::MessagePage& page, const chat::PageQuery& query) {
  using Place = chat::PageQuery::Place;
  const std::size_t count = page.messages.size();
  const auto middle = std::ranges::lower_bound(page.messages, query.seq, {}, &chat::MessageRecord::seq);
  std::size_t up = query.place == Place::kAfter    ? 0
                   : query.place == Place::kAround ? static_cast<std::size_t>(middle - page.messages.begin())
                                                   : count;
  std::size_t down = up;
  std::vector<std::size_t> order;
  while (up < count || down > 0) {
    if (up < count) order.push_back(up++);
    if (down > 0) order.push_back(--down);
  }
  return order;
}

std::string PageJson(chat::Reader& reader, const chat::RoomRow& room, chat::MessagePage page,
                     const chat::PageQuery& query) {
  chat::FillQuotes(reader, room.key, page.messages);
  const auto seen = reader.SeenOf(room.key, page.messages);
  std::vector<std::string> written(page.messages.size());
  std::size_t sum = 0;
  for (const std::size_t i : ByWorth(page, query)) {
    chat::AppendMessage(written[i], room.id, page.messages[i], &seen[i]);
    const bool first = std::exchange(sum, sum + written[i].size()) == 0;
    if (first || sum <= chat::kMostPageBytes) continue;
    written[i].clear();
    break;
  }
  std::string out;
  out.reserve(sum + written.size() + 128);
  json::ObjectWriter writer(out);
  std::string& list = writer.Key("messages");
  list += '[';
  for (const std::string& message : written) {
    if (message.empty()) continue;
    if (list.back() != '[') list += ',';
    list += message;
  }
  list += ']';
  page.has_before |= !written.empty() && written.front().empty();
  page.has_after |= !written.empty() && written.back().empty();
  const chat::PageQuery::Place place = query.place;
  const bool more = place == chat::PageQuery::Place::kAfter    ? page.has_after
                    : place == chat::PageQuery::Place::kAround ? page.has_before || page.has_after
                                                               : page.has_before;
  writer.Number("head", page.head)
      .Bool("hasBefore", page.has_before)
      .Bool("hasAfter", page.has_after)
      .Bool("hasMore", more)
      .End();
  return out;
}

}  // namespace

void HttpApi::CreateMessage(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto draft = chat::ParseSend(call.path[1], *body, call.caller->admin, services_.settings.limits);
  if (!draft) return call.Refuse(draft.error());
  const chat::Caller caller = *call.caller;
  services_.engine.Send(caller, std::move(*draft), Answering(std::move(call), true));
}

void HttpApi::ListMessages(HttpCall call) {
  auto wanted = WantedOf(call.request);
  if (!wanted) return call.Refuse(wanted.error());
  const std::string id = call.path[1];
  const chat::UserKey user = call.caller->key;
  AnswerRead(std::move(call), [id, user, wanted = *wanted](chat::Reader& reader) mutable -> Result<std::string> {
    const auto room = ReadableRoom(reader, id, user);
    if (!room) return std::unexpected(room.error());
    if (!wanted.around.empty()) {
      const auto message = FindMessage(reader, room->key, wanted.around);
      if (!message) return std::unexpected(message.error());
      wanted.page.seq = message->seq;
    }
    return PageJson(reader, *room, reader.Messages(*room, wanted.page), wanted.page);
  });
}

void HttpApi::GetMessage(HttpCall call) {
  const std::string id = call.path[1];
  const std::string message_id = call.path[3];
  const chat::UserKey user = call.caller->key;
  AnswerRead(std::move(call), [id, message_id, user](chat::Reader& reader) -> Result<std::string> {
    const auto room = ReadableRoom(reader, id, user);
    if (!room) return std::unexpected(room.error());
    auto message = FindMessage(reader, room->key, message_id);
    if (!message) return std::unexpected(message.error());
    std::vector<chat::MessageRecord> one = {std::move(*message)};
    chat::FillQuotes(reader, room->key, one);
    const auto seen = reader.SeenOf(room->key, one);
    std::string out;
    chat::AppendMessage(out, room->id, one.front(), &seen.front());
    return out;
  });
}

void HttpApi::EditMessage(HttpCall call) {
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto text = chat::ParseText(*body, services_.settings.limits);
  if (!text) return call.Refuse(text.error());
  const chat::Caller caller = *call.caller;
  const std::string room = call.path[1];
  const std::string message = call.path[3];
  services_.engine.Edit(caller, room, message, std::move(*text), Answering(std::move(call)));
}

void HttpApi::DeleteMessage(HttpCall call) {
  const chat::Caller caller = *call.caller;
  const std::string room = call.path[1];
  const std::string message = call.path[3];
  services_.engine.Delete(caller, room, message, Answering(std::move(call)));
}

void HttpApi::GetThread(HttpCall call) {
  auto wanted = WantedOf(call.request);
  if (!wanted) return call.Refuse(wanted.error());
  if (!wanted->around.empty()) return call.Refuse(Error(ErrorCode::kInvalid, "a thread has no \"around\""));
  const std::string id = call.path[1];
  const std::string message_id = call.path[3];
  const chat::UserKey user = call.caller->key;
  AnswerRead(std::move(call), [id, message_id, user, wanted = *wanted](chat::Reader& reader) -> Result<std::string> {
    const auto room = ReadableRoom(reader, id, user);
    if (!room) return std::unexpected(room.error());
    const auto parent = FindMessage(reader, room->key, message_id);
    if (!parent) return std::unexpected(parent.error());
    return PageJson(reader, *room, reader.Thread(*room, parent->seq, wanted.page), wanted.page);
  });
}

void HttpApi::GetSeen(HttpCall call) {
  auto limit = LimitOf(call.request, 100, 1'000);
  if (!limit) return call.Refuse(limit.error());
  auto cursor = WholeOf(call.request, "cursor");
  if (!cursor) return call.Refuse(cursor.error());
  using Page = std::pair<std::string, std::string>;
  auto shared = LoopShared(services_.loop, std::move(call));
  ReadThen<Page>(
      services_,
      [shared, after = cursor->value_or(0), limit = *limit](chat::Reader& reader) -> Result<Page> {
        const auto room = ReadableRoom(reader, shared->path[1], shared->caller->key);
        if (!room) return std::unexpected(room.error());
        const auto message = FindMessage(reader, room->key, shared->path[3]);
        if (!message) return std::unexpected(message.error());
        auto seen = reader.SeenBy(room->key, message->author_key, message->seq, after, limit + 1);
        Page page;
        if (seen.size() > limit) {
          seen.pop_back();
          page.second = std::to_string(seen.back().user);
        }
        page.first = "[";
        for (const chat::Watermark& one : seen) {
          if (page.first.size() > 1) page.first += ',';
          json::ObjectWriter(page.first).Text("userId", one.user_id).Number("seq", one.read).End();
        }
        page.first += ']';
        return page;
      },
      [shared](Result<Page> page) {
        if (!page) return shared->Refuse(page.error());
        shared->SucceedList(page->first, page->second);
      });
}

void HttpApi::PutReaction(HttpCall call) {
  if (auto fine = chat::CheckEmoji(call.path[5]); !fine) return call.Refuse(fine.error());
  const chat::Caller caller = *call.caller;
  const auto path = call.path;
  services_.engine.React(caller, path[1], path[3], path[5], false, Answering(std::move(call)));
}

void HttpApi::DeleteReaction(HttpCall call) {
  if (auto fine = chat::CheckEmoji(call.path[5]); !fine) return call.Refuse(fine.error());
  const chat::Caller caller = *call.caller;
  const auto path = call.path;
  services_.engine.React(caller, path[1], path[3], path[5], true, Answering(std::move(call)));
}

}  // namespace tidings::net
