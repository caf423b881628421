#include <tidings/messaging/context.hpp>

#include <array>
#include <cstring>

#include <tidings/base/id.hpp>
#include <tidings/messaging/middleware.hpp>

namespace tidings::messaging {
namespace {

// FNV-1a with 64 bits, finished by the mixer of splitmix64. Two of them with different seeds make an id: these need not
// resist an attacker, only not meet by chance.
std::uint64_t Hash(std::uint64_t seed, std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

// A UUIDv8 (RFC 9562 §5.8) made of a text.
std::string DerivedId(std::string_view text) {
  const std::array<std::uint64_t, 2> halves{Hash(0, text), Hash(0x9e3779b97f4a7c15, text)};
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), halves.data(), bytes.size());
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x80);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  return Uuid(bytes).Text();
}

}  // namespace

Message Context::Follow(std::string type, std::string body) {
  const std::string from = message().id + '\n' + consumer() + '\n' + std::to_string(followed_++);
  Message following = Message::WithId(DerivedId(from), std::move(type), std::move(body));
  Relate(message(), following);
  return following;
}

Task<Status> Context::Flush() {
  std::vector<Outgoing> outgoing = std::move(outgoing_);
  outgoing_.clear();
  if (outgoing.empty()) co_return Status();
  for (Outgoing& each : outgoing) {
    for (const auto& middleware : *place_->chain) middleware->Sending(*this, each.message);
    Relate(message(), each.message);
  }
  Status sent;
  if (outgoing.size() > 1) {
    sent = co_await place_->transport->PublishAll(std::move(outgoing));
  } else {
    Outgoing& only = outgoing.front();
    auto published = co_await place_->transport->Publish(std::move(only.to), std::move(only.message), only.options);
    if (!published) sent = std::unexpected(std::move(published.error()));
  }
  if (!sent) co_return std::unexpected(sent.error().Within("what the handler sends was not accepted"));
  co_return Status();
}

void Relate(const Message& cause, Message& message) {
  const auto correlation = cause.headers.Find(header::kCorrelationId);
  message.headers.SetDefault(header::kCorrelationId,
                             std::string(correlation ? *correlation : std::string_view(cause.id)));
  message.headers.SetDefault(header::kCausationId, cause.id);
  if (const auto trace = cause.headers.Find(header::kTraceParent)) {
    message.headers.SetDefault(header::kTraceParent, std::string(*trace));
  }
}

}  // namespace tidings::messaging
