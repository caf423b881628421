// The strict half of the codec: what clients send.
#include <tidings/realtime/socket_packet.hpp>

#include <algorithm>
#include <utility>

#include <tidings/base/json_mending.hpp>

namespace tidings::realtime {

namespace {

constexpr std::string_view kReserved[] = {"connect",       "connect_error", "disconnect",
                                          "disconnecting", "newListener",   "removeListener"};
// What stands for an acknowledgement id past 2^53 - 1: no one has asked for it, and no one can be answered.
constexpr std::uint64_t kNoId = ~std::uint64_t{0};
constexpr std::size_t kMostDigits = 40;

auto Malformed(std::string what) { return Fail(ErrorCode::kMalformed, "Socket.IO packet: " + std::move(what)); }

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// What lies between the brackets of a well-formed array.
std::string_view Inside(std::string_view array) {
  array = Trim(array);
  return Trim(array.substr(1, array.size() - 2));
}

// What follows the first value, a string, and its comma. REQUIRES: the inside of a well-formed array.
std::string_view AfterFirstString(std::string_view inside) {
  std::size_t end = 1;
  while (inside[end] != '"') end += inside[end] == '\\' ? 2 : 1;
  inside = Trim(inside.substr(end + 1));
  if (!inside.empty()) inside.remove_prefix(1);
  return Trim(inside);
}

std::string_view TakeDigits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

// Marks which attachments the placeholders in `value` name; false if one is wrong or names one twice.
bool MarkPlaceholders(const json::value& value, std::vector<bool>& used) {
  if (value.is_array()) {
    return std::ranges::all_of(value.get_array(), [&](const auto& item) { return MarkPlaceholders(item, used); });
  }
  if (!value.is_object()) return true;
  const json::object& object = value.get_object();
  const json::value* flag = object.if_contains("_placeholder");
  if (flag == nullptr || !flag->is_bool() || !flag->get_bool()) {
    return std::ranges::all_of(object, [&](const auto& member) { return MarkPlaceholders(member.value(), used); });
  }
  const json::value* number = object.if_contains("num");
  const auto index = number == nullptr ? std::nullopt : json::AsWhole(*number);
  if (!index || *index >= used.size() || used[*index]) return false;
  used[*index] = true;
  return true;
}

}  // namespace

bool IsReservedEvent(std::string_view name) { return std::ranges::find(kReserved, name) != std::end(kReserved); }

// A packet whose attachments are on their way.
struct SocketDecoder::Partial {
  SocketPacket packet;
  json::array values;
  std::string text;
  std::vector<Bytes> attachments;
  std::size_t bytes = 0;
  std::size_t expected = 0;
};

SocketDecoder::SocketDecoder(const DecodeLimits& limits) : limits_(limits) {}
SocketDecoder::~SocketDecoder() = default;

Result<std::optional<SocketPacket>> SocketDecoder::Text(std::string_view text) {
  if (partial_ != nullptr) return Malformed("text where an attachment is due");
  if (text.empty() || text[0] < '0' || text[0] > '6') return Malformed("unknown type");
  auto type = static_cast<SocketType>(text[0] - '0');
  text.remove_prefix(1);

  const bool binary = type == SocketType::kBinaryEvent || type == SocketType::kBinaryAck;
  std::size_t expected = 0;
  if (binary) {
    const auto count = ParseWhole(TakeDigits(text).substr(0, kMostDigits));
    if (!count || *count == 0 || text.empty() || text[0] != '-') return Malformed("no count of attachments");
    if (*count > limits_.max_attachments) return Malformed("too many attachments");
    expected = *count;
    text.remove_prefix(1);
    type = type == SocketType::kBinaryEvent ? SocketType::kEvent : SocketType::kAck;
  }

  SocketPacket packet;
  packet.type = type;
  if (!text.empty() && text[0] == '/') {
    const std::size_t end = text.find(',');
    const std::string_view name = text.substr(0, end);
    if (name.size() > limits_.max_namespace) return Malformed("the namespace's name is too long");
    packet.nsp = name;
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }

  const std::string_view digits = TakeDigits(text);
  if (!digits.empty()) {
    if (type != SocketType::kEvent && type != SocketType::kAck) return Malformed("an id where none belongs");
    if (digits.size() > kMostDigits || (digits.size() > 1 && digits[0] == '0')) return Malformed("bad id");
    packet.id = ParseWhole(digits).value_or(kNoId);
  } else if (type == SocketType::kAck) {
    return Malformed("an acknowledgement without an id");
  }

  if (type == SocketType::kDisconnect) {
    if (!text.empty()) return Malformed("a disconnect with a payload");
    return packet;
  }
  if (type == SocketType::kConnect && text.empty()) return packet;
  if (type == SocketType::kConnectError) return Malformed("an error packet from a client");

  std::string mended;
  auto parsed = json::ParseMending(text, mended);
  if (!parsed) return std::unexpected(parsed.error().Within("Socket.IO packet"));
  if (type == SocketType::kConnect) {
    if (!parsed->is_object()) return Malformed("the payload of a connect is no object");
    packet.auth = std::move(parsed->get_object());
    return packet;
  }

  if (!parsed->is_array()) return Malformed("the payload is no array");
  json::array& values = parsed->get_array();
  std::string_view inside = Inside(text);
  std::size_t first = 0;
  if (type == SocketType::kEvent) {
    if (values.empty() || !values[0].is_string()) return Malformed("an event without a name");
    packet.event = std::string_view(values[0].get_string());
    if (IsReservedEvent(packet.event)) return Malformed("a reserved event");
    inside = AfterFirstString(inside);
    first = 1;
  }
  if (binary) {
    std::vector<bool> used(expected);
    if (!MarkPlaceholders(*parsed, used) || std::ranges::count(used, false) > 0) return Malformed("bad placeholders");
  }
  if (expected == 0) {
    packet.args = Args(std::move(values), first, std::string(inside), {});
    return packet;
  }
  partial_ = std::make_unique<Partial>();
  partial_->packet = std::move(packet);
  partial_->values = std::move(values);
  partial_->text = inside;
  partial_->expected = expected;
  return std::nullopt;
}

Result<std::optional<SocketPacket>> SocketDecoder::Attachment(std::string_view bytes) {
  if (partial_ == nullptr) return Malformed("an attachment that belongs to nothing");
  partial_->bytes += bytes.size();
  if (partial_->bytes > limits_.max_attachment_bytes) return Malformed("the attachments are too large");
  partial_->attachments.emplace_back(bytes);
  if (partial_->attachments.size() < partial_->expected) return std::nullopt;
  const auto whole = std::move(partial_);
  const std::size_t first = whole->packet.type == SocketType::kEvent ? 1 : 0;
  whole->packet.args = Args(std::move(whole->values), first, std::move(whole->text), std::move(whole->attachments));
  return std::move(whole->packet);
}

}  // namespace tidings::realtime
