#include "message_codec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <tidings/base/bytes.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/id.hpp>
#include <tidings/messaging/delivery.hpp>
#include <tidings/messaging/topology.hpp>

#include "frame.hpp"
#include "methods.hpp"
#include "properties.hpp"
#include "table.hpp"
#include "value_types.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::string_view kKey = "tidings-key";
// Where the headers that travel as properties stand among the others: a letter of kMapped for each of them, a dot for every
// other one. Sent only if they are not simply the first ones, in the order of kMapped.
constexpr std::string_view kOrder = "tidings-order";
constexpr std::string_view kStamp = "tidings-stamp";
constexpr std::string_view kOffset = "x-stream-offset";
constexpr std::string_view kDeliveryCount = "x-delivery-count";
// Before names that mean something to the broker or to this codec.
constexpr std::string_view kEscape = "tidings-escaped-";
constexpr std::size_t kMostShort = 255;

class Mapped {
 public:
  char letter;
  std::string_view name;
  Properties::Flag flag;
  std::string_view Properties::* member;
};
constexpr std::array kMapped = {
    Mapped{'c', header::kContentType, Properties::kContentType, &Properties::content_type},
    Mapped{'e', "content-encoding", Properties::kContentEncoding, &Properties::content_encoding},
    Mapped{'i', header::kCorrelationId, Properties::kCorrelationId, &Properties::correlation_id},
    Mapped{'r', header::kReplyTo, Properties::kReplyTo, &Properties::reply_to},
};

// Names that RabbitMQ reads (CC, BCC) or writes (x-death …).
bool IsBrokers(std::string_view name) {
  return name == "CC" || name == "BCC" || name == "x-death" || name == kDeliveryCount || name == "x-delivery-limit" ||
         name == kOffset || name.starts_with("x-first-death-") || name.starts_with("x-last-death-");
}

bool NeedsEscape(std::string_view name) {
  return IsBrokers(name) || name == kKey || name == kOrder || name == kStamp || name.starts_with(kEscape);
}

const Mapped* MappedOf(std::string_view name, std::string_view value) {
  if (value.size() > kMostShort || value.empty()) return nullptr;
  for (const Mapped& mapped : kMapped) {
    if (mapped.name == name) return &mapped;
  }
  return nullptr;
}

void AppendText(TableWriter& table, std::string_view name, std::string_view value) {
  const bool ascii = std::ranges::all_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii || IsUtf8(value)) {
    table.Text(name, value);
  } else {
    table.Bytes(name, value);
  }
}

// These have their property's type.
bool IsMapped(std::string_view name) {
  return std::ranges::any_of(kMapped, [&](const Mapped& mapped) { return mapped.name == name; });
}

// Fills the properties that headers travel as; what is left is the table's. Returns their order if it has to be told.
std::string Map(const Headers& headers, Properties& properties, const Publication& publication) {
  std::string order;
  bool canonical = true;
  for (const auto& [name, value] : headers) {
    if (name == kTypes || publication.Omits(name)) continue;
    const Mapped* mapped = MappedOf(name, value);
    order += mapped != nullptr ? mapped->letter : '.';
    if (mapped == nullptr) continue;
    properties.Set(mapped->flag, mapped->member, value);
    if (order.size() > 1 && (order[order.size() - 2] == '.' || order[order.size() - 2] > mapped->letter))
      canonical = false;
  }
  return canonical ? std::string() : order;
}

// An array of one value, its type's letter before it.
std::string ArrayOf(std::string_view value) {
  std::string array = "A";
  Writer(array).LongText(value);
  return array;
}

void AppendDeath(TableWriter& table, const Death& death) {
  std::string key = "S";
  Writer(key).LongText(death.routing_key);
  std::string entry = "F";
  Writer writer(entry);
  TableWriter fields(writer);
  fields.Integer("count", static_cast<std::int64_t>(death.count)).Text("reason", death.reason);
  fields.Text("queue", death.queue).Text("exchange", death.exchange).Raw("routing-keys", ArrayOf(key));
  std::string time = "T";
  Writer(time).U64(static_cast<std::uint64_t>(death.at / 1000));
  if (death.at > 0) fields.Raw("time", time);
  fields.End();
  table.Raw("x-death", ArrayOf(entry)).Text("x-first-death-reason", death.reason);
  table.Text("x-first-death-queue", death.queue).Text("x-first-death-exchange", death.exchange);
}

void AppendTable(Writer& writer, const Message& message, std::string_view order, const Publication& publication) {
  TableWriter table(writer);
  if (!publication.stamp.empty()) table.Text(kStamp, publication.stamp);
  if (publication.death != nullptr) AppendDeath(table, *publication.death);
  if (publication.failed_deliveries > 0) table.Integer(kDeliveryCount, publication.failed_deliveries);
  if (!message.key.empty()) AppendText(table, kKey, message.key);
  if (!order.empty()) table.Text(kOrder, order);
  const ValueTypes types(message.headers.Get(kTypes));
  std::string escaped;
  for (const auto& [name, value] : message.headers) {
    if (MappedOf(name, value) != nullptr || name == kTypes || publication.Omits(name)) continue;
    if (const auto typed = types.Find(name, value)) {
      table.Raw(name, *typed);
      continue;
    }
    if (std::ranges::find(publication.numbers, name) != publication.numbers.end()) {
      if (const auto number = ParseWhole(value)) {
        table.Integer(name, static_cast<std::int64_t>(*number));
        continue;
      }
    }
    if (NeedsEscape(name)) {
      escaped.assign(kEscape).append(name);
      AppendText(table, escaped, value);
    } else {
      AppendText(table, name, value);
    }
  }
  table.End();
}

// An id of printable ASCII without blanks: as it is, else its other bytes as %41.
std::string SafeId(std::string_view id) {
  if (id.empty()) return Uuid::Random(SystemClock().Now()).Text();
  const auto fits = [](char c) { return c > 0x20 && c < 0x7f; };
  if (id.size() <= Message::kMostId && std::ranges::all_of(id, fits)) return std::string(id);
  std::string safe;
  for (const char c : id) {
    if (fits(c)) {
      safe += c;
    } else {
      safe += '%';
      safe += HexEncode(std::string_view(&c, 1));
    }
  }
  if (safe.size() <= Message::kMostId) return safe;
  // FNV-1a: two long ids that begin alike stay two.
  std::uint64_t hash = 14'695'981'039'346'656'037u;
  for (const char c : id) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1'099'511'628'211u;
  std::array<char, 16> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16);
  safe.resize(Message::kMostId - 17);
  return safe + "~" + std::string(digits.data(), end);
}

bool FitsAsName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
}

// What a table holds beside the headers: what the broker wrote into it, and the types of what is no text.
class Beside {
 public:
  std::optional<Value> deaths;
  std::optional<std::uint64_t> delivery_count;
  std::optional<std::uint64_t> offset;
  std::string_view stamp;
  ValueTypes types;
  std::string order;
};

Status ReadTableInto(std::string_view content, Message& message, Beside& beside, Strictness strictness) {
  Reader reader(content);
  while (!reader.done()) {
    std::string_view name = reader.ShortText();
    const std::string_view begin = reader.rest();
    const char type = static_cast<char>(reader.U8());
    if (type == 'S' && !IsBrokers(name)) {
      const std::string_view text = reader.LongText();
      if (!reader.ok()) break;
      if (name == kKey && text.size() <= Message::kMostKey) {
        message.key = text;
      } else if (name == kOrder) {
        beside.order = text;
      } else if (name == kStamp) {
        beside.stamp = text;
      } else {
        if (name.starts_with(kEscape)) name.remove_prefix(kEscape.size());
        // It is written by what reads a message, never sent.
        if (name == kTypes) continue;
        if (FitsAsName(name)) {
          message.headers.Set(name, std::string(text));
          beside.types.Remove(name);
        } else if (strictness == Strictness::kStrict) {
          return Fail(ErrorCode::kInvalid, "a header's name is not 1 to 128 printable ASCII characters");
        }
      }
      continue;
    }
    auto value = ReadValue(reader, type);
    if (!value) return Fail(ErrorCode::kInvalid, "the table of headers is malformed, or deeper than 16 levels");
    if (name == "x-death") {
      beside.deaths = std::move(*value);
    } else if (name == kDeliveryCount) {
      beside.delivery_count = value->kind == Value::Kind::kUnsigned
                                  ? value->whole
                                  : static_cast<std::uint64_t>(std::max<std::int64_t>(value->integer, 0));
    } else if (name == kOffset) {
      // The broker puts its own before what a writer said.
      const bool whole = value->kind == Value::Kind::kUnsigned;
      if (beside.offset || (!whole && value->integer < 0)) continue;
      beside.offset = whole ? value->whole : static_cast<std::uint64_t>(value->integer);
    } else if (name == kKey) {
      message.key = value->Text().substr(0, Message::kMostKey);
    } else if (!IsBrokers(name)) {
      if (name.starts_with(kEscape)) name.remove_prefix(kEscape.size());
      if (name == kTypes) continue;
      if (FitsAsName(name)) {
        // What is no UTF-8 is sent as bytes in any case.
        const bool text = value->kind == Value::Kind::kBytes && !IsUtf8(value->text);
        message.headers.Set(name, value->Text());
        if (text || NeedsEscape(name) || IsMapped(name)) {
          beside.types.Remove(name);
        } else {
          beside.types.Add(name, begin.substr(0, begin.size() - reader.rest().size()));
        }
      } else if (strictness == Strictness::kStrict) {
        return Fail(ErrorCode::kInvalid, "a header's name is not 1 to 128 printable ASCII characters");
      }
    }
  }
  if (!reader.ok()) return Fail(ErrorCode::kInvalid, "the table of headers is cut off");
  return {};
}

// Puts the headers that came as properties to where they were among the others.
Headers InOrder(const Properties& properties, const Headers& others, std::string_view order) {
  Headers headers;
  const auto put = [&](const Mapped& mapped) {
    if (properties.Has(mapped.flag)) headers.SetDefault(mapped.name, std::string(properties.*mapped.member));
  };
  if (order.empty()) std::ranges::for_each(kMapped, put);
  auto other = others.begin();
  for (const char letter : order) {
    if (letter == '.') {
      if (other != others.end()) {
        headers.SetDefault(other->first, other->second);
        ++other;
      }
      continue;
    }
    for (const Mapped& mapped : kMapped) {
      if (mapped.letter == letter) put(mapped);
    }
  }
  std::ranges::for_each(kMapped, put);
  for (; other != others.end(); ++other) headers.SetDefault(other->first, other->second);
  return headers;
}

// RabbitMQ's words (docs "Dead Letter Exchanges") to ours.
DeathReason ReasonOf(std::string_view word) {
  if (word == "expired") return DeathReason::kExpired;
  if (word == "rejected") return DeathReason::kRejected;
  return DeathReason::kDeliveryLimit;
}

// The broker itself made it a dead letter of the queue that `queue` is for. Its newest death comes first in the list.
void TranslateDeath(const Beside& beside, std::string_view queue, Message& message) {
  if (!beside.deaths || message.headers.Has(header::kDeathReason)) return;
  for (const Value& death : beside.deaths->children) {
    const Value* of = death.Find("queue");
    const Value* reason = death.Find("reason");
    if (of == nullptr || reason == nullptr || DeadLetterQueue(of->text) != queue) continue;
    const Value* time = death.Find("time");
    const Millis at = time != nullptr && time->whole < 253'402'300'800 ? static_cast<Millis>(time->whole * 1000) : 0;
    MarkDead(message, ReasonOf(reason->text), "RabbitMQ: " + reason->text, of->text, at);
    return;
  }
}

Status Bounded(Message& message, Strictness strictness) {
  if (Status fits = Check(message); fits || strictness == Strictness::kStrict) return fits;
  Headers kept;
  for (const auto& [name, value] : message.headers) {
    if (kept.size() < Headers::kMostHeaders / 2 &&
        kept.Bytes() + name.size() + value.size() < Headers::kMostHeaderBytes / 2) {
      kept.Set(name, value);
    }
  }
  message.headers = std::move(kept);
  return {};
}

}  // namespace

void AppendMessage(std::string& out, std::uint16_t channel, std::size_t frame_max, const Publication& publication,
                   const Message& message) {
  AppendPublish(out, channel, publication.exchange, publication.routing_key, true);
  AppendContent(out, channel, frame_max, publication, message);
}

void AppendContent(std::string& out, std::uint16_t channel, std::size_t frame_max, const Publication& publication,
                   const Message& message) {
  Properties properties;
  const std::string order = Map(message.headers, properties, publication);
  properties.Set(Properties::kMessageId, &Properties::message_id, message.id);
  if (!message.type.empty()) properties.Set(Properties::kType, &Properties::type, message.type);
  properties.flags |= Properties::kDeliveryMode;
  properties.delivery_mode = publication.persistent ? kPersistent : 1;
  if (!publication.expiration.empty()) {
    properties.Set(Properties::kExpiration, &Properties::expiration, publication.expiration);
  }
  if (const auto time = message.headers.Find(header::kTimestamp)) {
    if (const auto at = ParseTime(*time); at && *at >= 0) {
      properties.flags |= Properties::kTimestamp;
      properties.timestamp = static_cast<std::uint64_t>(*at / 1000);
    }
  }
  std::string table;
  const bool all_mapped = message.key.empty() && std::ranges::all_of(message.headers, [](const auto& entry) {
                            return MappedOf(entry.first, entry.second) != nullptr;
                          });
  if (!all_mapped || !order.empty() || !publication.stamp.empty() || publication.failed_deliveries > 0 ||
      publication.death != nullptr) {
    Writer writer(table);
    AppendTable(writer, message, order, publication);
    properties.Set(Properties::kHeaders, &Properties::headers, std::string_view(table).substr(4));
  }

  const std::size_t begin = BeginFrame(out, FrameType::kHeader, channel);
  Writer writer(out);
  writer.U16(60);
  writer.U16(0);
  writer.U64(message.body.size());
  AppendProperties(out, properties);
  EndFrame(out, begin);
  AppendBody(out, channel, message.body, frame_max);
}

Result<Received> ReadMessage(std::string_view bytes, std::string& body, bool redelivered, std::string_view queue,
                             Strictness strictness) {
  Properties properties;
  if (!ReadProperties(bytes, properties)) return Fail(ErrorCode::kInvalid, "the properties are malformed");
  Received received;
  Message& message = received.message;
  Beside beside;
  if (Status table = ReadTableInto(properties.headers, message, beside, strictness); !table) {
    return std::unexpected(table.error());
  }
  constexpr std::uint16_t kAllMapped =
      Properties::kContentType | Properties::kContentEncoding | Properties::kCorrelationId | Properties::kReplyTo;
  if ((properties.flags & kAllMapped) != 0) message.headers = InOrder(properties, message.headers, beside.order);
  if (properties.Has(Properties::kTimestamp) && properties.timestamp < 253'402'300'800 &&
      !message.headers.Has(header::kTimestamp)) {
    message.headers.Set(header::kTimestamp, FormatTime(static_cast<Millis>(properties.timestamp * 1000)));
  }
  if (properties.Has(Properties::kAppId)) message.headers.SetDefault("amqp-app-id", std::string(properties.app_id));
  if (properties.Has(Properties::kUserId)) message.headers.SetDefault("amqp-user-id", std::string(properties.user_id));
  message.id = SafeId(properties.message_id);
  message.type = properties.type;
  TranslateDeath(beside, queue, message);
  // Last: what a message has no room for is their types, never one of the headers.
  beside.types.PutInto(message.headers);
  if (Status fits = Bounded(message, strictness); !fits) return std::unexpected(fits.error());
  if (body.size() > Message::kMostBody && strictness == Strictness::kStrict) {
    return Fail(ErrorCode::kTooLarge,
                "the body has " + std::to_string(body.size()) + " bytes, more than a message may");
  }
  message.body = std::move(body);
  received.deliveries = beside.delivery_count
                            ? static_cast<std::uint32_t>(std::min<std::uint64_t>(*beside.delivery_count, 1'000'000)) + 1
                            : (redelivered ? 2 : 1);
  received.offset = beside.offset;
  received.stamp = beside.stamp;
  return received;
}

std::uint64_t TimesInDeaths(std::string_view headers, std::string_view queue) {
  if (!headers.contains("x-death")) return 0;
  const auto table = ReadTable(headers);
  const Value* const deaths = table ? table->Find("x-death") : nullptr;
  if (deaths == nullptr) return 0;
  for (const Value& death : deaths->children) {
    const Value* const where = death.Find("queue");
    const Value* const count = death.Find("count");
    if (where == nullptr || count == nullptr || where->text != queue) continue;
    return count->kind == Value::Kind::kUnsigned
               ? count->whole
               : static_cast<std::uint64_t>(std::max<std::int64_t>(count->integer, 0));
  }
  return 0;
}

std::string_view MessageIdOf(std::string_view bytes) {
  Properties properties;
  return ReadProperties(bytes, properties) ? properties.message_id : std::string_view();
}

}  // namespace tidings::messaging::rabbitmq
