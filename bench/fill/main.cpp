// bench_fill: writes an export of one room with very many messages, for `tidings import`; see docs/export.md.
#include <xxhash.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/json.hpp>
#include <tidings/chat/record.hpp>

#include "load/marker.hpp"

namespace {

using tidings::Millis;
using tidings::bench::MarkedText;

constexpr Millis kBegin = 1'750'000'000'000;
constexpr std::size_t kTextBytes = 100;
constexpr std::size_t kBuffer = 1 << 20;
const std::vector<std::string> kUsers = {"u0", "u1"};  // with the keys 1 and 2

// The lines, and at the end their digest.
class Lines {
 public:
  explicit Lines(std::FILE* file) : file_(file), hash_(XXH3_createState()) { XXH3_128bits_reset(hash_); }
  ~Lines() { XXH3_freeState(hash_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void Add(std::string_view line) {
    buffer_ += line;
    buffer_ += '\n';
    if (buffer_.size() >= kBuffer) Flush();
  }
  std::string Digest() {
    Flush();
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(hash_));
    return tidings::HexEncode({reinterpret_cast<const char*>(bytes.digest), sizeof bytes.digest});
  }
  bool Finish(std::string_view last) {
    Flush();
    return std::fwrite(last.data(), 1, last.size(), file_) == last.size() && std::fclose(file_) == 0;
  }

 private:
  void Flush() {
    XXH3_128bits_update(hash_, buffer_.data(), buffer_.size());
    std::fwrite(buffer_.data(), 1, buffer_.size(), file_);  // a failure stays, and fclose tells it
    buffer_.clear();
  }

  std::FILE* file_;
  XXH3_state_t* hash_;
  std::string buffer_;
};

class Room {
 public:
  Room(Lines& lines, std::string_view id) : lines_(lines), id_(id) {}

  void Event(std::string_view type, std::string_view record) {
    ++seq_;
    const Millis at = kBegin + static_cast<Millis>(seq_);
    line_ = R"({"event":)";
    tidings::json::ObjectWriter(line_)
        .Text("id", tidings::Uuid::AtPlace(at, seq_, 0).Text())
        .Number("seq", seq_)
        .Text("room", id_)
        .Text("type", type)
        .End();
    line_ += R"(,"position":)";
    tidings::json::AppendNumber(line_, seq_);
    line_ += R"(,"at":)";
    tidings::json::AppendNumber(line_, static_cast<std::uint64_t>(at));
    line_ += R"(,"author":1,"redacted":false,"record":")";
    line_ += tidings::Base64Encode(record);
    line_ += "\"}";
    lines_.Add(line_);
  }
  std::uint64_t seq() const { return seq_; }

 private:
  Lines& lines_;
  const std::string id_;
  std::string line_;
  std::uint64_t seq_ = 0;
};

std::string Header(std::uint64_t messages) {
  std::string line = R"({"tidings":"export",)";
  line += R"("version":1,"store":"bench","at":"2025-06-15T00:00:00.000Z","head":)";
  tidings::json::AppendNumber(line, messages + 1);
  return line + '}';
}

std::string User(std::uint64_t key, std::string_view id) {
  std::string line = R"({"user":)";
  tidings::json::ObjectWriter(line)
      .Number("key", key)
      .Text("_id", id)
      .Text("name", "")
      .Text("username", "")
      .Text("passwordHash", "")
      .Bool("suspended", false)
      .Number("createdAt", kBegin)
      .Number("lastSeen", kBegin)
      .End();
  return line + '}';
}

void AddRoomMade(Room& room, std::string_view name) {
  tidings::chat::RoomRecord record;
  record.by = record.creator = kUsers.front();
  record.name = name;
  record.created_at = kBegin;
  for (std::size_t i = 0; i < kUsers.size(); ++i) {
    record.joined.push_back({kUsers[i], i == 0 ? tidings::chat::Role::kOwner : tidings::chat::Role::kMember});
    record.joined_keys.push_back(i + 1);
  }
  room.Event(tidings::chat::event_type::kRoomCreated, record.Encode());
}

void AddMessage(Room& room, std::uint64_t counter) {
  tidings::chat::MessageRecord record;
  record.author = kUsers.front();
  record.author_key = 1;
  record.text_json = tidings::json::Quote(MarkedText({.counter = counter}, kTextBytes));
  record.client_id = "fill-" + std::to_string(counter);
  record.request_hash = std::string(16, 'h');
  room.Event(tidings::chat::event_type::kMessageCreated, record.Encode());
}

std::string End(const Room& room, const std::string& digest) {
  std::string line = R"({"end":)";
  tidings::json::ObjectWriter(line)
      .Number("users", kUsers.size())
      .Number("events", room.seq())
      .Number("reads", 0)
      .Number("rooms", 1)
      .Text("digest", digest)
      .End();
  return line + "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t messages = 0;
  const std::string_view count = argc == 4 ? argv[2] : "";
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), messages);
  if (argc != 4 || error != std::errc() || end != count.data() + count.size()) {
    std::fputs("usage: bench_fill ROOM MESSAGES FILE\n", stderr);
    return 2;
  }
  std::FILE* file = std::fopen(argv[3], "wb");
  if (file == nullptr) {
    std::fprintf(stderr, "bench_fill: cannot write %s: %s\n", argv[3], std::strerror(errno));
    return 1;
  }
  Lines lines(file);
  lines.Add(Header(messages));
  for (std::size_t i = 0; i < kUsers.size(); ++i) lines.Add(User(i + 1, kUsers[i]));
  Room room(lines, argv[1]);
  AddRoomMade(room, argv[1]);
  for (std::uint64_t counter = 0; counter < messages; ++counter) AddMessage(room, counter);
  std::string rooms = R"({"room":)";
  tidings::json::ObjectWriter(rooms).Text("_id", argv[1]).Number("events", room.seq()).End();
  lines.Add(rooms + '}');
  if (!lines.Finish(End(room, lines.Digest()))) {
    std::fprintf(stderr, "bench_fill: cannot write %s: %s\n", argv[3], std::strerror(errno));
    return 1;
  }
  return 0;
}
