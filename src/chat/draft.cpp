#include <tidings/chat/draft.hpp>

#include <xxhash.h>

#include <algorithm>
#include <unordered_set>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/bytes.hpp>

namespace tidings::chat {

namespace {

Error Invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

bool OnlySpace(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
}

// Short texts of one line: no controls.
Status CheckLine(std::string_view key, std::string_view text, std::size_t most) {
  if (text.size() > most) {
    return std::unexpected(Invalid("\"" + std::string(key) + "\" is longer than " + std::to_string(most) + " bytes"));
  }
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return std::unexpected(Invalid("\"" + std::string(key) + "\" holds control characters"));
  }
  return {};
}

Result<std::string> Line(const json::object& from, std::string_view key, std::size_t most) {
  auto text = json::OptionalText(from, key);
  if (!text) return std::unexpected(text.error());
  std::string line = text->value_or("");
  if (auto fine = CheckLine(key, line, most); !fine) return std::unexpected(fine.error());
  return line;
}

Result<std::string> CheckedText(const json::object& request, const Limits& limits) {
  auto text = json::OptionalText(request, "text");
  if (!text) return std::unexpected(text.error());
  std::string value = text->value_or("");
  if (value.size() > limits.text_bytes) {
    return std::unexpected(Invalid("\"text\" is longer than " + std::to_string(limits.text_bytes) + " bytes"));
  }
  if (value.find('\0') != std::string::npos) return std::unexpected(Invalid("\"text\" holds a NUL character"));
  return value;
}

// One image as the document shows it.
Status AppendImage(std::string& out, const json::value& given, std::string& type) {
  if (given.is_string()) {
    return std::unexpected(Invalid("\"images\": there is no media with the id " + json::Quote(given.get_string())));
  }
  if (!given.is_object()) return std::unexpected(Invalid("\"images\" must be a list of media objects or media ids"));
  const json::object& image = given.get_object();
  json::ObjectWriter writer(out);
  bool named = false;
  for (const std::string_view key : {"_id", "filename", "type"}) {
    auto text = Line(image, key, 1'024);
    if (!text) return std::unexpected(text.error().Within("images"));
    named |= key != "type" && !text->empty();
    if (key == "type") type = *text;
    writer.Text(key, *text);
  }
  if (!named) return std::unexpected(Invalid("\"images\": each needs a \"filename\" or an \"_id\""));
  for (const std::string_view key : {"size", "width", "height"}) {
    auto number = json::OptionalWhole(image, key);
    if (!number) return std::unexpected(number.error().Within("images"));
    if (*number) {
      writer.Number(key, **number);
    } else {
      writer.Null(key);
    }
  }
  auto blurhash = Line(image, "blurhash", 256);
  if (!blurhash) return std::unexpected(blurhash.error().Within("images"));
  writer.Text("blurhash", *blurhash).End();
  return {};
}

Result<std::string> Media(const json::object& request, const Limits& limits, std::string& alert) {
  const json::value* images = request.if_contains("images");
  if (images == nullptr || images->is_null()) return std::string();
  if (!images->is_array()) return std::unexpected(Invalid("\"images\" must be a list"));
  if (images->get_array().size() > limits.images) {
    return std::unexpected(Invalid("\"images\" holds more than " + std::to_string(limits.images)));
  }
  std::string out;
  for (const json::value& image : images->get_array()) {
    out += out.empty() ? '[' : ',';
    std::string type;
    if (auto fine = AppendImage(out, image, type); !fine) return std::unexpected(fine.error());
    // The first counts, be its type unknown.
    if (alert.empty()) alert = type.empty() ? "image" : std::move(type);
  }
  if (!out.empty()) out += ']';
  return out;
}

Result<std::string> Contact(const json::object& request) {
  const json::value* given = request.if_contains("contact");
  if (given == nullptr || given->is_null()) return std::string();
  if (!given->is_object()) return std::unexpected(Invalid("\"contact\" must be an object"));
  const json::object& contact = given->get_object();
  auto name = Line(contact, "name", 256);
  if (!name) return std::unexpected(name.error().Within("contact"));
  if (OnlySpace(*name)) return std::unexpected(Invalid("contact: \"name\" is missing"));
  std::string out;
  json::ObjectWriter writer(out);
  writer.Text("name", *name);
  for (const std::string_view key : {"phones", "emails"}) {
    auto list = json::TextList(contact, key, 50);
    if (!list) return std::unexpected(list.error().Within("contact"));
    std::string& items = writer.Key(key);
    items += '[';
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (auto fine = CheckLine(key, (*list)[i], 320); !fine) return std::unexpected(fine.error().Within("contact"));
      if (i > 0) items += ',';
      json::AppendString(items, (*list)[i]);
    }
    items += ']';
  }
  auto user = Line(contact, "userId", 512);
  if (!user) return std::unexpected(user.error().Within("contact"));
  if (user->empty()) {
    writer.Null("userId");
  } else {
    writer.Text("userId", *user);
  }
  writer.End();
  return out;
}

Status CheckClientId(std::string_view id) {
  const bool printable = std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (id.empty() || id.size() > 128 || !printable) {
    return std::unexpected(Invalid("\"clientMessageId\" must be 1 to 128 printable ASCII characters"));
  }
  return {};
}

// Over everything that makes two requests the same.
std::string HashOf(const SendDraft& draft) {
  std::string canonical;
  const auto add = [&](std::string_view part) {
    json::AppendNumber(canonical, part.size());
    canonical += ':';
    canonical += part;
  };
  add(draft.room);
  add(draft.text);
  add(draft.media_json);
  add(draft.contact_json);
  add(Name(draft.type));
  add(draft.reply_to);
  auto mentions = draft.mentions;
  std::sort(mentions.begin(), mentions.end());
  for (const std::string& user : mentions) add(user);
  const XXH128_hash_t hash = XXH3_128bits(canonical.data(), canonical.size());
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  return std::string(reinterpret_cast<const char*>(bytes.digest), sizeof bytes.digest);
}

}  // namespace

Result<SendDraft> ParseSend(std::string_view room, const json::object& request, bool admin, const Limits& limits) {
  SendDraft draft;
  draft.room = room;
  auto text = CheckedText(request, limits);
  if (!text) return std::unexpected(text.error());
  draft.text = std::move(*text);
  auto media = Media(request, limits, draft.alert);
  if (!media) return std::unexpected(media.error());
  draft.media_json = std::move(*media);
  auto contact = Contact(request);
  if (!contact) return std::unexpected(contact.error());
  draft.contact_json = std::move(*contact);
  auto reply = Line(request, "replyTo", 64);
  if (!reply) return std::unexpected(reply.error());
  draft.reply_to = std::move(*reply);
  auto mentions = ParseUserIds(request, "mentions", limits.mentions);
  if (!mentions) return std::unexpected(mentions.error());
  draft.mentions = std::move(*mentions);

  auto client_id = json::OptionalText(request, "clientMessageId");
  if (!client_id) return std::unexpected(client_id.error());
  if (*client_id) {
    if (auto fine = CheckClientId(**client_id); !fine) return std::unexpected(fine.error());
    draft.client_id = std::move(**client_id);
  }
  if (OnlySpace(draft.text) && draft.media_json.empty() && draft.contact_json.empty()) {
    return std::unexpected(Invalid("the message is empty: give \"text\", \"images\" or \"contact\""));
  }
  draft.type = !draft.contact_json.empty() ? MessageType::kContact
               : !draft.media_json.empty() ? MessageType::kImage
                                           : MessageType::kText;
  if (draft.type == MessageType::kContact) draft.alert = "contact";
  auto type_name = json::OptionalText(request, "messageType");
  if (!type_name) return std::unexpected(type_name.error());
  if (*type_name) {
    const auto type = ParseMessageType(**type_name);
    if (!type) return std::unexpected(Invalid("\"messageType\" must be text, image, contact or system"));
    if (*type == MessageType::kSystem) {
      if (!admin) return Fail(ErrorCode::kForbidden, "a system message needs a token with the scope admin");
    } else if (*type != draft.type) {
      return std::unexpected(Invalid("\"messageType\" is " + **type_name + ", but what was sent makes it " +
                                     std::string(Name(draft.type))));
    }
    draft.type = *type;
  }
  draft.request_hash = HashOf(draft);
  return draft;
}

Result<std::vector<std::string>> ParseUserIds(const json::object& request, std::string_view key, std::size_t most) {
  auto list = json::TextList(request, key, most);
  if (!list) return std::unexpected(list.error());
  std::vector<std::string> ids;
  std::unordered_set<std::string_view> seen;
  for (const std::string& id : *list) {
    if (!auth::IsUserId(id)) {
      return std::unexpected(Invalid("\"" + std::string(key) + "\" holds something that is no user id"));
    }
    if (seen.insert(id).second) ids.push_back(id);
  }
  return ids;
}

Result<std::string> CheckName(std::string name, const Limits& limits) {
  if (auto fine = CheckLine("name", name, limits.name_bytes); !fine) return std::unexpected(fine.error());
  // Marks that turn the direction of writing or hide themselves (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069).
  for (std::size_t i = 0; i + 2 < name.size(); ++i) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(name[at]); };
    if (byte(i) != 0xe2) continue;
    const bool marks = byte(i + 1) == 0x80 &&
                       (byte(i + 2) == 0x8e || byte(i + 2) == 0x8f || (byte(i + 2) >= 0xaa && byte(i + 2) <= 0xae));
    const bool isolates = byte(i + 1) == 0x81 && byte(i + 2) >= 0xa6 && byte(i + 2) <= 0xa9;
    if (marks || isolates) return std::unexpected(Invalid("\"name\" holds marks that turn the direction of writing"));
  }
  return name;
}

Result<RoomDraft> ParseRoom(const json::object& request, const Limits& limits) {
  RoomDraft draft;
  auto id = json::OptionalText(request, "_id");
  if (!id) return std::unexpected(id.error());
  if (*id) {
    if (!IsRoomId(**id)) return std::unexpected(Invalid("\"_id\" must be 1 to 64 of A-Z a-z 0-9 _ -"));
    draft.id = std::move(**id);
  }
  auto name = json::OptionalText(request, "name");
  if (!name) return std::unexpected(name.error());
  auto checked = CheckName(name->value_or(""), limits);
  if (!checked) return std::unexpected(checked.error());
  draft.name = std::move(*checked);
  auto kind = json::OptionalText(request, "kind");
  if (!kind) return std::unexpected(kind.error());
  if (*kind) {
    const auto parsed = ParseRoomKind(**kind);
    if (!parsed) return std::unexpected(Invalid("\"kind\" must be group, direct or public"));
    draft.kind = *parsed;
  }
  auto members = ParseUserIds(request, "members", limits.members_per_call);
  if (!members) return std::unexpected(members.error());
  draft.members = std::move(*members);
  return draft;
}

Result<std::string> ParseText(const json::object& request, const Limits& limits) {
  const json::value* text = request.if_contains("text");
  if (text == nullptr || !text->is_string()) return std::unexpected(Invalid("\"text\" must be a string"));
  return CheckedText(request, limits);
}

Status CheckEmoji(std::string_view emoji) {
  const bool plain =
      std::all_of(emoji.begin(), emoji.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
  if (emoji.empty() || emoji.size() > 64 || !plain || !IsUtf8(emoji)) {
    return std::unexpected(Invalid("an emoji must be 1 to 64 bytes of UTF-8 without spaces"));
  }
  return {};
}

}  // namespace tidings::chat
