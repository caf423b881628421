// Commands about messages.
#include "writer.hpp"

#include <unordered_set>

#include <tidings/base/json.hpp>
#include <tidings/chat/text_scan.hpp>

namespace tidings::chat {

namespace {

constexpr std::size_t kMostLinks = 10;

std::string ReactionsJson(const std::vector<ReactionRow>& rows) {
  if (rows.empty()) return {};
  std::string out;
  for (const ReactionRow& row : rows) {
    out += out.empty() ? '[' : ',';
    json::ObjectWriter writer(out);
    std::string& users = writer.Text("emoji", row.emoji).Number("count", row.count).Key("users");
    users += '[';
    for (std::size_t i = 0; i < row.users.size(); ++i) {
      if (i > 0) users += ',';
      json::AppendString(users, row.users[i]);
    }
    users += ']';
    writer.End();
  }
  return out + ']';
}

// Whom a message mentions beside those that its text names.
std::vector<std::string> MentionedBeside(const MessageRecord& message) {
  const auto all = json::Parse(message.mentions_json);
  const auto text = json::Parse(message.text_json);
  if (!all || !all->is_array()) return {};
  std::unordered_set<std::string_view> ids;
  for (const json::value& id : all->get_array()) {
    if (id.is_string()) ids.insert(id.get_string());
  }
  const auto named = text && text->is_string()
                         ? FindMentions(text->get_string(), [&](std::string_view id) { return ids.contains(id); })
                         : std::vector<std::string>();
  for (const std::string& id : named) ids.erase(id);
  std::vector<std::string> beside;
  for (const json::value& id : all->get_array()) {
    if (id.is_string() && ids.contains(id.get_string())) beside.emplace_back(id.get_string());
  }
  return beside;
}

// The message with nothing left of what it said.
MessageRecord TombstoneOf(const MessageRecord& message, Millis at) {
  MessageRecord tombstone;
  tombstone.id = message.id;
  tombstone.seq = message.seq;
  tombstone.author = message.author;
  tombstone.author_key = message.author_key;
  tombstone.type = message.type;
  tombstone.reply_seq = message.reply_seq;
  tombstone.created_at = message.created_at;
  tombstone.updated_at = tombstone.deleted_at = at;
  tombstone.edited_at = message.edited_at;
  tombstone.client_id = message.client_id;
  tombstone.request_hash = message.request_hash;
  return tombstone;
}

}  // namespace

std::string Engine::Writer::QuoteOf(RoomKey room, Seq seq) {
  const auto message = projection_->Current(room, seq);
  return message ? Quote(*message) : std::string();
}

std::string Engine::Writer::Document(RoomState& room, MessageRecord message, bool with_seen) {
  if (message.reply_seq != 0 && message.reply_json.empty()) {
    message.reply_json = QuoteOf(room.row.key, message.reply_seq);
  }
  Seen seen;
  if (with_seen) {
    for (const UserKey user : *room.People()) {
      const MemberRow* member = room.FindMember(user);
      if (user == message.author_key || member->read < message.seq) continue;
      ++seen.count;
      if (seen.users.size() == 100) continue;
      if (const UserRow* row = FindUser(user)) seen.users.push_back(row->id);
    }
  }
  std::string out;
  out.reserve(640 + message.text_json.size());
  AppendMessage(out, *room.id, message, &seen);
  return out;
}

std::optional<eventing::StoredEvent> Engine::Writer::MessageEvent(RoomKey room, std::string_view id) {
  const auto uuid = Uuid::Parse(id);
  if (!uuid) return std::nullopt;
  auto event = transaction_->ReadAt(uuid->Place());
  if (!event || event->stream != room || event->id != *uuid || event->type != event_type::kMessageCreated) {
    return std::nullopt;
  }
  return event;
}

Seq Engine::Writer::LastEventOf(RoomKey room, Seq seq) {
  const Seq last = tables_->LastEventOf(room, seq);
  return last == 0 ? seq : last;
}

void Engine::Writer::ReadText(RoomState& room, const std::string& text, const std::vector<std::string>& given,
                              MessageRecord& record) {
  record.text_json = json::Quote(text);
  record.links_json = PendingLinks(FindLinks(text, kMostLinks));
  const auto key_of = [&](std::string_view id) -> UserKey {
    const UserRow* user = FindUser(id);
    return user != nullptr && room.FindMember(user->key) != nullptr ? user->key : 0;
  };
  std::vector<std::string> ids = given;
  for (std::string& id : FindMentions(text, [&](std::string_view id) { return key_of(id) != 0; })) {
    if (ids.size() >= limits_.mentions) break;
    ids.push_back(std::move(id));
  }
  record.mentions_json.clear();
  record.mentioned.clear();
  std::unordered_set<UserKey> known;
  for (const std::string& id : ids) {
    const UserKey key = key_of(id);
    if (key == 0 || !known.insert(key).second) continue;
    record.mentioned.push_back(key);
    record.mentions_json += record.mentions_json.empty() ? '[' : ',';
    json::AppendString(record.mentions_json, id);
  }
  if (!record.mentions_json.empty()) record.mentions_json += ']';
}

Result<std::string> Engine::Writer::Send(const Caller& caller, const SendDraft& draft) {
  // A repeat is answered whatever has happened since: it is stored, so it must not be called an error.
  if (!draft.client_id.empty()) {
    if (const auto position = sends_->Find(*transaction_, caller.key, draft.client_id)) {
      const auto event = transaction_->ReadAt(*position);
      const auto sent = event ? MessageOf(*event) : std::nullopt;
      if (!sent) throw eventing::StoreFailure(Error(ErrorCode::kInternal, "a remembered send is not in the log"));
      if (sent->request_hash != draft.request_hash) {
        return Fail(ErrorCode::kIdempotencyConflict,
                    "\"clientMessageId\" was used for another message; a repeat must ask for the same");
      }
      RoomState* room = rooms_->Find(event->stream);
      const auto current = projection_->Current(event->stream, event->version);
      MessageRecord message = current ? *current : *sent;
      // To those outside it is theirs alone: what others made of it is not shown.
      const bool inside = room->alive() && room->FindMember(caller.key) != nullptr;
      if (!inside) message.reactions_json.clear();
      return Document(*room, std::move(message), inside);
    }
  }
  auto found = MemberRoom(caller, draft.room);
  if (!found) return std::unexpected(found.error());
  RoomState& room = **found;

  MessageRecord record;
  if (!draft.reply_to.empty()) {
    const auto parent = MessageEvent(room.row.key, draft.reply_to);
    if (!parent) return Fail(ErrorCode::kInvalid, "\"replyTo\" names no message of this room");
    record.reply_seq = parent->version;
  }
  record.author = caller.id;
  record.author_key = caller.key;
  record.type = draft.type;
  record.media_json = draft.media_json;
  record.contact_json = draft.contact_json;
  record.alert = draft.alert;
  record.client_id = draft.client_id;
  record.request_hash = draft.client_id.empty() ? std::string() : draft.request_hash;
  ReadText(room, draft.text, draft.mentions, record);
  Append(room, event_type::kMessageCreated, caller, record);
  return Document(room, std::move(record), false);
}

Result<Engine::Writer::Found> Engine::Writer::FindMessage(const Caller& caller, std::string_view room_id,
                                                          std::string_view id) {
  auto room = MemberRoom(caller, room_id);
  if (!room) return std::unexpected(room.error());
  const auto event = MessageEvent((*room)->row.key, id);
  auto message = event ? projection_->Current((*room)->row.key, event->version) : std::nullopt;
  if (!message) return Fail(ErrorCode::kNotFound, "there is no such message in this room");
  return Found{*room, std::move(*message)};
}

Result<std::string> Engine::Writer::Edit(const Caller& caller, const std::string& room_id, const std::string& id,
                                         const std::string& text) {
  auto found = FindMessage(caller, room_id, id);
  if (!found) return std::unexpected(found.error());
  auto& [room, message] = *found;
  if (message.author_key != caller.key) return Fail(ErrorCode::kForbidden, "only its author may edit a message");
  if (message.Tombstone()) return Fail(ErrorCode::kConflict, "the message was deleted");
  const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (blank && message.media_json.empty() && message.contact_json.empty()) {
    return Fail(ErrorCode::kInvalid, "the text would be empty: delete the message instead");
  }
  message.previous = LastEventOf(room->row.key, message.seq);
  ReadText(*room, text, MentionedBeside(message), message);
  message.edited_at = message.updated_at = Now();
  message.reason = "edit";
  message.by.clear();
  message.emoji.clear();
  message.by_key = 0;
  Append(*room, event_type::kMessageUpdated, caller, message);
  return Document(*room, std::move(message), true);
}

Result<std::string> Engine::Writer::Delete(const Caller& caller, const std::string& room_id, const std::string& id) {
  auto found = FindMessage(caller, room_id, id);
  if (!found) return std::unexpected(found.error());
  auto& [room, message] = *found;
  if (message.author_key != caller.key && room->FindMember(caller.key)->role == Role::kMember) {
    return Fail(ErrorCode::kForbidden, "only its author, admins and the owner may delete a message");
  }
  if (!message.Tombstone()) {
    const Seq previous = LastEventOf(room->row.key, message.seq);
    message = TombstoneOf(message, Now());
    message.previous = previous;
    message.by = caller.id == message.author ? std::string() : caller.id;
    Append(*room, event_type::kMessageDeleted, caller, message);
  }
  return Document(*room, std::move(message), true);
}

Result<std::string> Engine::Writer::React(const Caller& caller, const std::string& room_id, const std::string& id,
                                          const std::string& emoji, bool remove) {
  auto found = FindMessage(caller, room_id, id);
  if (!found) return std::unexpected(found.error());
  auto& [room, message] = *found;
  if (message.Tombstone()) return Fail(ErrorCode::kConflict, "the message was deleted");
  const RoomKey key = room->row.key;
  if (tables_->HasReaction(key, message.seq, emoji, caller.key) == !remove) {
    return Document(*room, std::move(message), true);  // nothing changes
  }
  if (!remove) {
    const auto rows = tables_->Reactions(key, message.seq);
    const bool known = std::ranges::any_of(rows, [&](const ReactionRow& row) { return row.emoji == emoji; });
    if (!known && rows.size() >= limits_.emojis_per_message) {
      return Fail(ErrorCode::kInvalid,
                  "a message bears at most " + std::to_string(limits_.emojis_per_message) + " emojis");
    }
    tables_->PutReaction(key, message.seq, emoji, caller.key, caller.id, room->row.head + 1);
  } else {
    tables_->RemoveReaction(key, message.seq, emoji, caller.key);
  }
  message.reactions_json = ReactionsJson(tables_->Reactions(key, message.seq));
  message.previous = LastEventOf(key, message.seq);
  message.updated_at = Now();
  message.reason = "reaction";
  message.by = caller.id;
  message.by_key = caller.key;
  message.emoji = emoji;
  message.reaction_removed = remove;
  Append(*room, event_type::kMessageUpdated, caller, message);
  return Document(*room, std::move(message), true);
}

// Read positions.

void Engine::Writer::Submit(std::vector<ReadMark> marks) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  store_.Submit(std::make_unique<Reads>(*this, std::move(marks)));
}

Status Engine::Writer::Reads::Run(eventing::Transaction& transaction) {
  writer_.Begin(transaction);
  results_.clear();
  results_.reserve(marks_.size());
  for (const ReadMark& mark : marks_) results_.push_back(writer_.Read(mark));
  return {};
}

void Engine::Writer::Reads::Done(const Status& outcome) {
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    if (!marks_[i].done) continue;
    marks_[i].done(outcome ? std::move(results_[i]) : Result<std::string>(std::unexpected(outcome.error())));
  }
}

Result<std::string> Engine::Writer::Read(const ReadMark& mark) {
  const Caller& caller = *mark.caller;
  auto found = MemberRoom(caller, mark.room);
  if (!found) return std::unexpected(found.error());
  RoomState& room = **found;
  MemberRow& member = room.members.at(caller.key);
  const Seq seq = std::min(mark.seq, room.row.head);
  if (seq > member.read) {
    member.read = seq;
    rooms_->TouchRead(room, caller.key);
    if (sink_ != nullptr) {
      live_->reads.push_back({room.row.key, room.id, caller.key, caller.id, seq, room.People(), mark.origin});
    }
  }
  std::string out;
  if (!mark.done) return out;
  const Seq past = std::max(member.read, member.joined);
  const bool all = past >= room.row.head;
  json::ObjectWriter(out)
      .Text("roomId", mark.room)
      .Number("seq", member.read)
      .Number("unread", all ? 0 : tables_->Unread(room.row.key, caller.key, past))
      .Number("mentions", all ? 0 : tables_->Mentions(room.row.key, caller.key, past))
      .End();
  return out;
}

}  // namespace tidings::chat
