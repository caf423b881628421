#include "websocket_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include <tidings/base/bytes.hpp>

#include "deflate.hpp"

namespace tidings::net {

namespace {

constexpr std::size_t kMaxHeader = 14;
constexpr std::size_t kMaxControl = 125;

bool IsControl(Opcode opcode) { return static_cast<unsigned>(opcode) >= 8; }

bool IsKnown(Opcode opcode) {
  const auto number = static_cast<unsigned>(opcode);
  return number <= 2 || (number >= 8 && number <= 10);
}

// RFC 6455 §7.4 and the IANA registry: what a peer may send.
bool IsCloseCode(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace

struct WebSocketDecoder::Header {
  Opcode opcode = Opcode::kText;
  bool final = true;
  bool rsv1 = false;
  bool rsv23 = false;
  bool masked = false;
  std::uint32_t key = 0;  // as its bytes lie in memory
  std::uint64_t length = 0;

  // The size of the header that begins with these bytes, as far as they tell. REQUIRES: not empty.
  static std::size_t Size(std::string_view bytes) {
    if (bytes.size() < 2) return 2;
    const unsigned second = static_cast<unsigned char>(bytes[1]);
    return 2u + ((second & 127) == 126 ? 2u : (second & 127) == 127 ? 8u : 0u) + ((second & 128) != 0 ? 4u : 0u);
  }

  // REQUIRES: bytes.size() == Size(bytes).
  explicit Header(std::string_view bytes) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at])); };
    opcode = static_cast<Opcode>(byte(0) & 15);
    final = (byte(0) & 128) != 0;
    rsv1 = (byte(0) & 64) != 0;
    rsv23 = (byte(0) & 48) != 0;
    masked = (byte(1) & 128) != 0;
    length = byte(1) & 127;
    const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extended != 0) length = 0;
    for (std::size_t i = 0; i < extended; ++i) length = length << 8 | byte(2 + i);
    if (masked) std::memcpy(&key, bytes.data() + 2 + extended, 4);
  }
  Header() = default;
};

struct WebSocketDecoder::Partial {
  std::array<char, kMaxHeader> header_bytes;
  std::uint8_t header_size = 0;
  bool in_payload = false;
  bool message_open = false;
  bool told = false;  // the message was delivered; its bytes go with the next call
  bool text = false;
  bool compressed = false;
  Utf8Checker utf8;
  std::uint32_t fragments = 0;
  Header current;         // while in_payload
  std::size_t taken = 0;  // of its payload
  std::string message;
  std::string control;

  bool idle() const { return header_size == 0 && !in_payload && !message_open; }
};

WebSocketDecoder::WebSocketDecoder(WebSocketLimits limits) : limits_(limits) {}
WebSocketDecoder::~WebSocketDecoder() = default;

std::size_t WebSocketDecoder::held() const { return partial_ == nullptr ? 0 : partial_->message.size(); }

WebSocketDecoder::Partial& WebSocketDecoder::NeedPartial() {
  if (partial_ == nullptr) partial_ = std::make_unique<Partial>();
  return *partial_;
}

bool WebSocketDecoder::MessageOpen() const { return partial_ != nullptr && partial_->message_open; }

WebSocketEvent WebSocketDecoder::Fail(std::uint16_t code, std::string_view what) {
  ended_ = true;
  return {Event::Kind::kFailed, code, what};
}

WebSocketEvent WebSocketDecoder::Next(std::span<char>& input) {
  if (partial_ != nullptr) {
    if (std::exchange(partial_->told, false)) partial_->message = {};
    if (!partial_->in_payload) partial_->control = {};
    if (partial_->idle() || ended_) partial_.reset();
  }
  while (!ended_ && !input.empty()) {
    Event event;
    if (partial_ == nullptr || !partial_->in_payload) {
      Header header;
      if (!ReadHeader(input, header, event)) return event;
      const bool simple = IsControl(header.opcode) || (header.final && !MessageOpen() && !header.rsv1);
      if (simple && input.size() >= header.length) {
        const auto payload = input.first(static_cast<std::size_t>(header.length));
        input = input.subspan(payload.size());
        Unmask(payload, header.key, 0);
        return WholeFrame(header, payload);
      }
      Partial& partial = NeedPartial();
      partial.current = header;
      partial.taken = 0;
      partial.in_payload = true;
      if (!IsControl(header.opcode) && !partial.message_open) {
        partial.message_open = true;
        partial.text = header.opcode == Opcode::kText;
        partial.compressed = header.rsv1;
        partial.fragments = 0;
        partial.utf8 = {};
      }
      if (!IsControl(header.opcode)) ++partial.fragments;
    }
    event = TakePayload(input);
    if (event.kind != Event::Kind::kNothing) return event;
  }
  input = {};
  return {};
}

bool WebSocketDecoder::ReadHeader(std::span<char>& input, Header& header, Event& failure) {
  const std::string_view bytes(input.data(), input.size());
  if (partial_ == nullptr || partial_->header_size == 0) {
    const std::size_t size = Header::Size(bytes);
    if (bytes.size() >= size) {
      header = Header(bytes.substr(0, size));
      input = input.subspan(size);
    } else {
      Partial& partial = NeedPartial();
      std::ranges::copy(bytes, partial.header_bytes.begin());
      partial.header_size = static_cast<std::uint8_t>(bytes.size());
      input = {};
      return false;
    }
  } else {
    Partial& partial = *partial_;
    const auto known = [&] { return std::string_view(partial.header_bytes.data(), partial.header_size); };
    while (known().size() < Header::Size(known())) {
      if (input.empty()) return false;
      partial.header_bytes[partial.header_size++] = input.front();
      input = input.subspan(1);
    }
    header = Header(known());
    partial.header_size = 0;
  }
  std::uint16_t code = kCloseProtocolError;
  const char* wrong = CheckHeader(header, code);
  if (wrong != nullptr) failure = Fail(code, wrong);
  return wrong == nullptr;
}

const char* WebSocketDecoder::CheckHeader(const Header& header, std::uint16_t& code) const {
  const bool open = MessageOpen();
  if (!IsKnown(header.opcode)) return "reserved opcode";
  const bool may_compress = limits_.deflate && !open && !IsControl(header.opcode);
  if (header.rsv23 || (header.rsv1 && !may_compress)) return "reserved bit set";
  if (!header.masked) return "frame is not masked";
  if (IsControl(header.opcode)) {
    if (!header.final) return "fragmented control frame";
    if (header.length > kMaxControl) return "control frame over 125 bytes";
    return nullptr;
  }
  if (header.opcode == Opcode::kContinuation && !open) return "continuation without a message";
  if (header.opcode != Opcode::kContinuation && open) return "message within a message";
  // What does not compress grows a little.
  const bool compressed = open ? partial_->compressed : header.rsv1;
  const std::size_t most = limits_.max_message + (compressed ? limits_.max_message / 64 + 64 : 0);
  const std::size_t have = open ? partial_->message.size() : 0;
  if (header.length > most - have) {
    code = kCloseTooLarge;
    return "message is too large";
  }
  if (open && partial_->fragments >= limits_.max_fragments) {
    code = kClosePolicy;
    return "message of too many fragments";
  }
  return nullptr;
}

WebSocketEvent WebSocketDecoder::WholeFrame(const Header& header, std::span<char> payload) {
  const std::string_view bytes(payload.data(), payload.size());
  if (IsControl(header.opcode)) return Control(header.opcode, bytes);
  if (header.opcode == Opcode::kBinary) return {Event::Kind::kBinary, 0, bytes};
  if (!IsUtf8(bytes)) return Fail(kCloseBadText, "text is not UTF-8");
  return {Event::Kind::kText, 0, bytes};
}

WebSocketEvent WebSocketDecoder::TakePayload(std::span<char>& input) {
  Partial& partial = *partial_;
  const auto piece = input.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), partial.current.length - partial.taken)));
  input = input.subspan(piece.size());
  Unmask(piece, partial.current.key, partial.taken);
  partial.taken += piece.size();
  const std::string_view bytes(piece.data(), piece.size());
  if (IsControl(partial.current.opcode)) {
    partial.control.append(bytes);
  } else {
    if (partial.text && !partial.compressed && !partial.utf8.Feed(bytes)) {
      return Fail(kCloseBadText, "text is not UTF-8");
    }
    partial.message.append(bytes);
  }
  if (partial.taken < partial.current.length) return {};
  partial.in_payload = false;
  return EndFrame();
}

WebSocketEvent WebSocketDecoder::EndFrame() {
  Partial& partial = *partial_;
  if (IsControl(partial.current.opcode)) return Control(partial.current.opcode, partial.control);
  return partial.current.final ? EndMessage() : Event{};
}

WebSocketEvent WebSocketDecoder::EndMessage() {
  Partial& partial = *partial_;
  if (partial.compressed) {
    std::string inflated;
    switch (InflateMessage(partial.message, limits_.max_message, inflated)) {
      case InflateResult::kTooLarge: return Fail(kCloseTooLarge, "message is too large");
      case InflateResult::kBad: return Fail(kCloseBadText, "compressed data is damaged");
      case InflateResult::kWhole: break;
    }
    partial.message.swap(inflated);
    if (partial.text && !IsUtf8(partial.message)) return Fail(kCloseBadText, "text is not UTF-8");
  } else if (partial.text && !partial.utf8.Complete()) {
    return Fail(kCloseBadText, "text is not UTF-8");
  }
  partial.message_open = false;
  partial.told = true;
  return {partial.text ? Event::Kind::kText : Event::Kind::kBinary, 0, partial.message};
}

WebSocketEvent WebSocketDecoder::Control(Opcode opcode, std::string_view payload) {
  if (opcode == Opcode::kPing) return {Event::Kind::kPing, 0, payload};
  if (opcode == Opcode::kPong) return {Event::Kind::kPong, 0, payload};
  if (payload.empty()) {
    ended_ = true;
    return {Event::Kind::kClose, kCloseNoCode, {}};
  }
  if (payload.size() == 1) return Fail(kCloseProtocolError, "close code of one byte");
  const unsigned code =
      static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8 | static_cast<unsigned char>(payload[1]);
  if (!IsCloseCode(code)) return Fail(kCloseProtocolError, "close code that must not be sent");
  if (!IsUtf8(payload.substr(2))) return Fail(kCloseBadText, "close reason is not UTF-8");
  ended_ = true;
  return {Event::Kind::kClose, static_cast<std::uint16_t>(code), payload.substr(2)};
}

void Unmask(std::span<char> data, std::uint32_t key, std::size_t offset) {
  const int turn = static_cast<int>(offset % 4) * 8;
  key = std::endian::native == std::endian::little ? std::rotr(key, turn) : std::rotl(key, turn);
  const std::uint64_t twice = std::uint64_t{key} << 32 | key;
  std::size_t i = 0;
  for (; i + 8 <= data.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data() + i, 8);
    word ^= twice;
    std::memcpy(data.data() + i, &word, 8);
  }
  std::array<char, 4> bytes;
  std::memcpy(bytes.data(), &key, 4);
  for (std::size_t j = 0; i < data.size(); ++i, ++j) data[i] = static_cast<char>(data[i] ^ bytes[j % 4]);
}

void AppendFrameHeader(std::string& out, Opcode opcode, std::size_t size, bool compressed) {
  out += static_cast<char>(0x80 | (compressed ? 0x40 : 0) | static_cast<int>(opcode));
  int bytes = 0;
  if (size <= kMaxControl) {
    out += static_cast<char>(size);
  } else if (size <= 0xffff) {
    out += static_cast<char>(126);
    bytes = 2;
  } else {
    out += static_cast<char>(127);
    bytes = 8;
  }
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(std::uint64_t{size} >> (8 * i));
}

std::string ControlFrame(Opcode opcode, std::string_view payload) {
  std::string frame;
  AppendFrameHeader(frame, opcode, payload.size());
  frame += payload;
  return frame;
}

std::string CloseFrame(std::uint16_t code, std::string_view reason) {
  if (code == kCloseNoCode) return ControlFrame(Opcode::kClose, {});
  reason = reason.substr(0, std::min(reason.size(), kMaxControl - 2));
  while (!reason.empty() && !IsUtf8(reason)) reason.remove_suffix(1);
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 255);
  payload += reason;
  return ControlFrame(Opcode::kClose, payload);
}

}  // namespace tidings::net
