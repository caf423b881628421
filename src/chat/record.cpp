#include <tidings/chat/record.hpp>

#include <tidings/base/json.hpp>

#include "fields.hpp"

namespace tidings::chat {

namespace {

// The tags of a MessageRecord. Numbers are format: never given a second meaning.
enum Tag : std::uint8_t {
  kId = 1,
  kSeq,
  kAuthor,
  kAuthorKey,
  kType,
  kText,
  kMedia,
  kContact,
  kReplySeq,
  kLinks,
  kMentions,
  kMentioned,
  kReactions,
  kCreatedAt,
  kUpdatedAt,
  kEditedAt,
  kDeletedAt,
  kClientId,
  kRequestHash,
  kAlert,
  kReason,
  kPrevious,
  kBy,
  kEmoji,
  kReactionRemoved,
  kByKey,
};

// The tags of a RoomRecord.
enum RoomTag : std::uint8_t {
  kRoomBy = 1,
  kRoomKind,
  kRoomName,
  kRoomCreator,
  kRoomCreatedAt,
  kRoomDeletedAt,
  kJoined,
  kLeft,
  kUpdated,
};

std::uint64_t Unsigned(Millis at) { return at < 0 ? 0 : static_cast<std::uint64_t>(at); }

// A member of a RoomRecord: its own little record.
std::string EncodeMember(const MemberName& member, UserKey key) {
  std::string out;
  FieldWriter fields(out);
  fields.Text(1, member.user_id);
  fields.Number(2, static_cast<std::uint64_t>(member.role));
  fields.Number(3, key);
  return out;
}

bool DecodeMember(std::string_view data, std::vector<MemberName>& names, std::vector<UserKey>& keys) {
  FieldReader reader(data);
  MemberName member;
  UserKey key = 0;
  while (const auto field = reader.Next()) {
    if (field->tag == 1) member.user_id = field->text;
    if (field->tag == 2) member.role = static_cast<Role>(field->number <= 2 ? field->number : 0);
    if (field->tag == 3) key = field->number;
  }
  names.push_back(std::move(member));
  keys.push_back(key);
  return reader.Sound();
}

std::string_view Or(const std::string& json, std::string_view nothing) { return json.empty() ? nothing : json; }

void AppendTimeOrNull(json::ObjectWriter& out, std::string_view key, Millis at) {
  if (at == 0) {
    out.Null(key);
  } else {
    out.Time(key, at);
  }
}

void AppendMemberNames(std::string& out, const std::vector<MemberName>& members) {
  out += '[';
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out += ',';
    json::ObjectWriter(out).Text("userId", members[i].user_id).Text("role", Name(members[i].role)).End();
  }
  out += ']';
}

void AppendUserIds(std::string& out, const std::vector<MemberName>& members) {
  out += '[';
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out += ',';
    json::AppendString(out, members[i].user_id);
  }
  out += ']';
}

// What `data` is for the types that name members.
void AppendMemberChange(json::ObjectWriter& out, const RoomRecord& record) {
  AppendMemberNames(out.Key("joined"), record.joined);
  AppendUserIds(out.Key("left"), record.left);
  AppendMemberNames(out.Key("updated"), record.updated);
}

}  // namespace

std::string MessageRecord::Encode() const {
  std::string out;
  out.reserve(128 + text_json.size() + media_json.size() + links_json.size());
  FieldWriter fields(out);
  fields.Text(kId, id);
  fields.Number(kSeq, seq);
  fields.Text(kAuthor, author);
  fields.Number(kAuthorKey, author_key);
  fields.Number(kType, static_cast<std::uint64_t>(type));
  fields.Text(kText, text_json == "\"\"" ? std::string_view() : std::string_view(text_json));
  fields.Text(kMedia, media_json);
  fields.Text(kContact, contact_json);
  fields.Number(kReplySeq, reply_seq);
  fields.Text(kLinks, links_json);
  fields.Text(kMentions, mentions_json);
  for (const UserKey user : mentioned) fields.Number(kMentioned, user);
  fields.Text(kReactions, reactions_json);
  fields.Number(kCreatedAt, Unsigned(created_at));
  fields.Number(kUpdatedAt, Unsigned(updated_at));
  fields.Number(kEditedAt, Unsigned(edited_at));
  fields.Number(kDeletedAt, Unsigned(deleted_at));
  fields.Text(kClientId, client_id);
  fields.Text(kRequestHash, request_hash);
  fields.Text(kAlert, alert);
  fields.Text(kReason, reason);
  fields.Number(kPrevious, previous);
  fields.Text(kBy, by);
  fields.Text(kEmoji, emoji);
  fields.Number(kReactionRemoved, reaction_removed ? 1 : 0);
  fields.Number(kByKey, by_key);
  return out;
}

std::optional<MessageRecord> MessageRecord::Decode(std::string_view data) {
  MessageRecord record;
  FieldReader reader(data);
  while (const auto field = reader.Next()) {
    const auto time = static_cast<Millis>(field->number);
    switch (field->tag) {
      case kId: record.id = field->text; break;
      case kSeq: record.seq = field->number; break;
      case kAuthor: record.author = field->text; break;
      case kAuthorKey: record.author_key = field->number; break;
      case kType:
        if (field->number > 3) return std::nullopt;
        record.type = static_cast<MessageType>(field->number);
        break;
      case kText: record.text_json = field->text; break;
      case kMedia: record.media_json = field->text; break;
      case kContact: record.contact_json = field->text; break;
      case kReplySeq: record.reply_seq = field->number; break;
      case kLinks: record.links_json = field->text; break;
      case kMentions: record.mentions_json = field->text; break;
      case kMentioned: record.mentioned.push_back(field->number); break;
      case kReactions: record.reactions_json = field->text; break;
      case kCreatedAt: record.created_at = time; break;
      case kUpdatedAt: record.updated_at = time; break;
      case kEditedAt: record.edited_at = time; break;
      case kDeletedAt: record.deleted_at = time; break;
      case kClientId: record.client_id = field->text; break;
      case kRequestHash: record.request_hash = field->text; break;
      case kAlert: record.alert = field->text; break;
      case kReason: record.reason = field->text; break;
      case kPrevious: record.previous = field->number; break;
      case kBy: record.by = field->text; break;
      case kEmoji: record.emoji = field->text; break;
      case kReactionRemoved: record.reaction_removed = field->number != 0; break;
      case kByKey: record.by_key = field->number; break;
      default: break;  // of a later version
    }
  }
  if (!reader.Sound() || record.author.empty()) return std::nullopt;
  return record;
}

std::string RoomRecord::Encode() const {
  std::string out;
  FieldWriter fields(out);
  fields.Text(kRoomBy, by);
  fields.Number(kRoomKind, static_cast<std::uint64_t>(kind));
  fields.Text(kRoomName, name);
  fields.Text(kRoomCreator, creator);
  fields.Number(kRoomCreatedAt, Unsigned(created_at));
  fields.Number(kRoomDeletedAt, Unsigned(deleted_at));
  for (std::size_t i = 0; i < joined.size(); ++i) fields.Text(kJoined, EncodeMember(joined[i], joined_keys[i]));
  for (std::size_t i = 0; i < left.size(); ++i) fields.Text(kLeft, EncodeMember(left[i], left_keys[i]));
  for (std::size_t i = 0; i < updated.size(); ++i) fields.Text(kUpdated, EncodeMember(updated[i], updated_keys[i]));
  return out;
}

std::optional<RoomRecord> RoomRecord::Decode(std::string_view data) {
  RoomRecord record;
  FieldReader reader(data);
  bool sound = true;
  while (const auto field = reader.Next()) {
    switch (field->tag) {
      case kRoomBy: record.by = field->text; break;
      case kRoomKind:
        if (field->number > 2) return std::nullopt;
        record.kind = static_cast<RoomKind>(field->number);
        break;
      case kRoomName: record.name = field->text; break;
      case kRoomCreator: record.creator = field->text; break;
      case kRoomCreatedAt: record.created_at = static_cast<Millis>(field->number); break;
      case kRoomDeletedAt: record.deleted_at = static_cast<Millis>(field->number); break;
      case kJoined: sound &= DecodeMember(field->text, record.joined, record.joined_keys); break;
      case kLeft: sound &= DecodeMember(field->text, record.left, record.left_keys); break;
      case kUpdated: sound &= DecodeMember(field->text, record.updated, record.updated_keys); break;
      default: break;
    }
  }
  if (!reader.Sound() || !sound || record.by.empty()) return std::nullopt;
  return record;
}

void AppendMessage(std::string& out, std::string_view room, const MessageRecord& message, const Seen* seen) {
  json::ObjectWriter writer(out);
  writer.Text("_id", message.id).Number("seq", message.seq).Text("room", room).Text("created_by", message.author);
  writer.Text("message_type", Name(message.type)).Raw("text", Or(message.text_json, "\"\""));
  writer.Raw("media", Or(message.media_json, "[]")).Raw("contact", Or(message.contact_json, "null"));
  writer.Raw("reply_to", Or(message.reply_json, "null")).Bool("linked", !message.links_json.empty());
  writer.Raw("links", Or(message.links_json, "[]")).Raw("mentions", Or(message.mentions_json, "[]"));
  writer.Raw("reactions", Or(message.reactions_json, "[]"));
  if (seen == nullptr || seen->users.empty()) {
    writer.Raw("seen_by", "[]");
  } else {
    std::string& list = writer.Key("seen_by");
    for (std::size_t i = 0; i < seen->users.size(); ++i) {
      list += i == 0 ? '[' : ',';
      json::AppendString(list, seen->users[i]);
    }
    list += ']';
  }
  writer.Number("seen_count", seen == nullptr ? 0 : seen->count).Time("created_at", message.created_at);
  writer.Time("updated_at", message.updated_at == 0 ? message.created_at : message.updated_at);
  AppendTimeOrNull(writer, "edited_at", message.edited_at);
  AppendTimeOrNull(writer, "deleted_at", message.deleted_at);
  if (message.client_id.empty()) {
    writer.Null("client_message_id");
  } else {
    writer.Text("client_message_id", message.client_id);
  }
  writer.End();
}

void AppendRoom(std::string& out, std::string_view room, const RoomRecord& record) {
  json::ObjectWriter writer(out);
  writer.Text("_id", room).Text("name", record.name).Text("kind", Name(record.kind));
  writer.Text("createdBy", record.creator).Time("createdAt", record.created_at);
  AppendTimeOrNull(writer, "deletedAt", record.deleted_at);
  if (!record.joined.empty()) AppendMemberNames(writer.Key("members"), record.joined);
  writer.End();
}

void CompleteCreated(MessageRecord& message, const eventing::StoredEvent& event) {
  message.id = event.id.Text();
  message.seq = event.version;
  message.author_key = event.author;
  message.created_at = event.at;
}

std::optional<MessageRecord> MessageOf(const eventing::StoredEvent& event) {
  auto record = MessageRecord::Decode(event.data);
  if (record && event.type == event_type::kMessageCreated) CompleteCreated(*record, event);
  return record;
}

std::string Quote(const MessageRecord& message) {
  std::string out;
  json::ObjectWriter(out)
      .Text("_id", message.id)
      .Text("created_by", message.author)
      .Raw("text", Or(message.text_json, "\"\""))
      .End();
  return out;
}

namespace {

std::optional<MessageRecord> QuotedMessageOf(const eventing::StoredEvent& event, const QuoteSource& quotes) {
  auto message = MessageOf(event);
  if (message && message->reply_seq != 0) message->reply_json = quotes(message->reply_seq, event.version);
  return message;
}

}  // namespace

bool AppendEvent(std::string& out, std::string_view room, const eventing::StoredEvent& event,
                 const QuoteSource& quotes) {
  const bool message = event.type.starts_with("message.");
  std::optional<MessageRecord> document;
  std::optional<RoomRecord> change;
  std::string_view by;
  if (message) {
    document = QuotedMessageOf(event, quotes);
    if (!document) return false;
    by = document->by.empty() ? document->author : document->by;
  } else {
    change = RoomRecord::Decode(event.data);
    if (!change) return false;
    by = change->by;
  }
  json::ObjectWriter writer(out);
  writer.Text("id", event.id.Text()).Number("seq", event.version).Text("room", room).Text("type", event.type);
  writer.Time("at", event.at).Text("by", by);
  std::string& data = writer.Key("data");
  if (message) {
    AppendMessage(data, room, *document);
  } else if (event.type.starts_with("member.")) {
    json::ObjectWriter members(data);
    AppendMemberChange(members, *change);
    members.End();
  } else {
    AppendRoom(data, room, *change);
  }
  writer.End();
  return true;
}

void AppendMessageEvent(std::string& out, std::string_view room, std::string_view type, Seq number,
                        const MessageRecord& message) {
  if (type == event_type::kMessageCreated) {
    out += "\"NEW_MESSAGE\",";
    json::ObjectWriter writer(out);
    writer.Text("senderId", message.author).Text("roomId", room);
    if (message.alert.empty() || message.Tombstone()) {
      writer.Raw("text", Or(message.text_json, "\"\""));
    } else {
      writer.Text("text", message.alert);
    }
    AppendMessage(writer.Key("data"), room, message);
    writer.End();
    return;
  }
  const bool deleted = type == event_type::kMessageDeleted;
  out += deleted ? "\"MESSAGE_DELETED\"," : "\"MESSAGE_UPDATED\",";
  json::ObjectWriter writer(out);
  writer.Text("roomId", room).Number("seq", number);
  if (!deleted) writer.Text("reason", message.reason);
  AppendMessage(writer.Key("data"), room, message);
  writer.End();
}

bool AppendSocketEvent(std::string& out, std::string_view room, const eventing::StoredEvent& event,
                       const QuoteSource& quotes) {
  if (event.type.starts_with("message.")) {
    const auto message = QuotedMessageOf(event, quotes);
    if (!message) return false;
    AppendMessageEvent(out, room, event.type, event.version, *message);
    return true;
  }
  const auto change = RoomRecord::Decode(event.data);
  if (!change) return false;
  const bool members = event.type.starts_with("member.");
  out += members ? "\"MEMBERS_CHANGED\"," : "\"ROOM_CHANGED\",";
  json::ObjectWriter writer(out);
  writer.Text("roomId", room).Number("seq", event.version);
  if (members) {
    writer.Text("by", change->by);
    AppendMemberChange(writer, *change);
  } else {
    AppendRoom(writer.Key("data"), room, *change);
  }
  writer.End();
  return true;
}

LastMessage PreviewOf(const MessageRecord& message) {
  LastMessage preview;
  preview.seq = message.seq;
  preview.id = message.id;
  preview.sender = message.author;
  preview.at = message.created_at;
  const auto text = [&](std::string_view json, auto... path) -> std::string {
    const auto parsed = json::Parse(json);
    if (!parsed) return {};
    const json::value* at = &*parsed;
    for (const std::string_view key : {std::string_view(path)...}) {
      if (at->is_array() && !at->get_array().empty()) at = &at->get_array().back();
      if (!at->is_object()) return {};
      at = at->get_object().if_contains(key);
      if (at == nullptr) return {};
    }
    return at->is_string() ? std::string(at->get_string()) : std::string();
  };
  if (!message.contact_json.empty()) {
    preview.type = "contact";
    preview.value = text(message.contact_json, "name");
  } else if (!message.media_json.empty()) {
    preview.type = "media";
    preview.value = text(message.media_json, "filename");
  } else {
    preview.type = "text";
    const std::string& quoted = message.text_json;
    // Most texts hold nothing that is escaped.
    if (quoted.find('\\') == std::string::npos) {
      preview.value = quoted.size() > 2 ? quoted.substr(1, quoted.size() - 2) : std::string();
    } else if (const auto parsed = json::Parse(quoted); parsed && parsed->is_string()) {
      preview.value = std::string(parsed->get_string());
    }
  }
  if (message.type == MessageType::kSystem) preview.type = "system";
  return preview;
}

}  // namespace tidings::chat
