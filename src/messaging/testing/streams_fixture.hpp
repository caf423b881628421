// StreamsSuite: what the tests of streams have at hand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/streams.hpp>

#include "transport_fixture.hpp"

namespace tidings::messaging::testing {

class StreamsSuite : public TransportFixture {
 protected:
  using Entries = std::vector<StreamEntry>;

  Streams& streams() { return *transport().streams(); }
  static std::string StreamName() { return "stream-" + RandomToken(10); }
  StreamId Append(const std::string& stream, Message message) {
    return Must(Run(streams().Append(stream, std::move(message))));
  }
  std::vector<StreamId> AppendNumbered(const std::string& stream, int count) {
    std::vector<StreamId> ids;
    for (int i = 0; i < count; ++i) ids.push_back(Append(stream, Numbered(i)));
    return ids;
  }
  Entries Read(const std::string& stream, StreamId after, std::size_t limit) {
    return Must(Run(streams().Read(stream, after, limit, ms(0))));
  }
  std::uint64_t Trim(const std::string& stream, const TrimPolicy& policy) {
    return Must(Run(streams().Trim(stream, policy)));
  }
  void CreateGroup(const std::string& stream, const std::string& group, StreamId after = StreamId()) {
    Must(Run(streams().CreateGroup(stream, group, after)));
  }
  Entries ReadGroup(const std::string& stream, const std::string& group, const std::string& consumer,
                    std::size_t limit) {
    return Must(Run(streams().ReadGroup(stream, group, consumer, limit, ms(0))));
  }
  std::uint64_t Acknowledge(const std::string& stream, const std::string& group, std::vector<StreamId> ids) {
    return Must(Run(streams().Acknowledge(stream, group, std::move(ids))));
  }
  Entries Claim(const std::string& stream, const std::string& group, const std::string& consumer, ms idle,
                std::size_t limit = 100) {
    return Must(Run(streams().Claim(stream, group, consumer, idle, limit)));
  }
  GroupStats Group(const std::string& stream, const std::string& group) {
    return Must(Run(streams().Group(stream, group)));
  }
  static std::vector<std::string> Bodies(const Entries& entries) {
    std::vector<std::string> bodies;
    for (const StreamEntry& entry : entries) bodies.push_back(entry.message.body);
    return bodies;
  }
  static std::vector<StreamId> Ids(const Entries& entries) {
    std::vector<StreamId> ids;
    for (const StreamEntry& entry : entries) ids.push_back(entry.id);
    return ids;
  }
};

}  // namespace tidings::messaging::testing
