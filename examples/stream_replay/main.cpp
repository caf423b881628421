// A stream keeps what was appended: anyone reads it from any place, as often as they like, alone or in a group that shares it.
#include "../example.hpp"

#include <tidings/messaging/streams.hpp>

Task<void> Main(Example& example) {
  auto transport = example.Connect();
  if (transport->streams() == nullptr) throw std::runtime_error(std::string(transport->name()) + " has no streams");
  Streams& streams = *transport->streams();
  const std::string stream = "temperatures";
  // Where it ends now, and what this run appends begins. StreamId() is the start of all that is kept.
  const StreamId begin = Must(co_await streams.Tail(stream));
  for (const int degrees : {17, 19, 24, 31, 28, 22}) {
    Must(co_await streams.Append(stream, Message("temperature", std::to_string(degrees))));
  }

  // Two who ask different questions read the same entries, the second one much later.
  int warmest = 0;
  for (const StreamEntry& entry : Must(co_await streams.Read(stream, begin, 100, 1s))) {
    warmest = std::max(warmest, std::stoi(entry.message.body));
  }
  std::cout << "warmest: " << warmest << "\n";
  StreamId place = begin;
  for (int page = 1; page <= 3; ++page) {
    std::cout << "page " << page << ":";
    for (const StreamEntry& entry : Must(co_await streams.Read(stream, place, 2, 1s))) {
      std::cout << " " << entry.message.body;
      place = entry.id;
    }
    std::cout << "\n";
  }

  // A group shares the entries. What a consumer took and did not acknowledge before it died, another claims.
  Must(co_await streams.CreateGroup(stream, "alarm", begin));
  const auto first = Must(co_await streams.ReadGroup(stream, "alarm", "alice", 4, 1s));
  Must(co_await streams.Acknowledge(stream, "alarm", {first[0].id, first[1].id}));
  std::cout << "alice took " << first.size() << ", acknowledged 2, and is gone\n";
  for (const StreamEntry& entry : Must(co_await streams.Claim(stream, "alarm", "bob", 0ms, 100))) {
    std::cout << "bob claims " << entry.message.body << "\n";
    Must(co_await streams.Acknowledge(stream, "alarm", {entry.id}));
  }
  for (const StreamEntry& entry : Must(co_await streams.ReadGroup(stream, "alarm", "bob", 100, 1s))) {
    std::cout << "bob reads " << entry.message.body << "\n";
    Must(co_await streams.Acknowledge(stream, "alarm", {entry.id}));
  }
  std::cout << "pending: " << Must(co_await streams.Group(stream, "alarm")).pending << "\n";
}

int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
