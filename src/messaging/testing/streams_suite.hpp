// The conformance suite of Streams; run as transport_suite.hpp says, with StreamsSuite and SUITES messaging_streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
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
  // Gone with the test where a stream is a queue.
  std::string StreamName() { return Name("stream"); }
  StreamId Append(const std::string& stream, Message message);
  std::vector<StreamId> AppendNumbered(const std::string& stream, int count);
  Entries Read(const std::string& stream, StreamId after, std::size_t limit);
  std::uint64_t Trim(const std::string& stream, const TrimPolicy& policy);
  void CreateGroup(const std::string& stream, const std::string& group, StreamId after = StreamId());
  Entries ReadGroup(const std::string& stream, const std::string& group, const std::string& consumer,
                    std::size_t limit);
  std::uint64_t Acknowledge(const std::string& stream, const std::string& group, std::vector<StreamId> ids);
  Entries Claim(const std::string& stream, const std::string& group, const std::string& consumer, ms idle,
                std::size_t limit = 100);
  GroupStats Group(const std::string& stream, const std::string& group);
  static std::vector<std::string> Bodies(const Entries& entries);
  static std::vector<StreamId> Ids(const Entries& entries);
};

class DisturbedStreamsSuite : public StreamsSuite {
 protected:
  // Producers, a reader and a group of two at work while `disturb` is called now and then.
  void WorkThrough(int disturbances, const std::function<void()>& disturb);

 private:
  Task<void> Produce(std::string stream, int count);
  Task<void> Follow(std::string stream);
  Task<void> Share(std::string stream, std::string name);

  std::set<std::string> accepted_;
  std::set<std::string> read_;
  std::set<std::string> shared_;
  bool stop_ = false;
  int running_ = 0;
};

}  // namespace tidings::messaging::testing
