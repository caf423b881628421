#include <utility>

#include "testing/streams_suite.hpp"

namespace tidings::messaging::testing {

StreamId StreamsSuite::Append(const std::string& stream, Message message) {
  return Must(Run(streams().Append(stream, std::move(message))));
}

std::vector<StreamId> StreamsSuite::AppendNumbered(const std::string& stream, int count) {
  std::vector<StreamId> ids;
  for (int i = 0; i < count; ++i) ids.push_back(Append(stream, Numbered(i)));
  return ids;
}

StreamsSuite::Entries StreamsSuite::Read(const std::string& stream, StreamId after, std::size_t limit) {
  return Must(Run(streams().Read(stream, after, limit, ms(0))));
}

std::uint64_t StreamsSuite::Trim(const std::string& stream, const TrimPolicy& policy) {
  return Must(Run(streams().Trim(stream, policy)));
}

void StreamsSuite::CreateGroup(const std::string& stream, const std::string& group, StreamId after) {
  Must(Run(streams().CreateGroup(stream, group, after)));
}

StreamsSuite::Entries StreamsSuite::ReadGroup(const std::string& stream, const std::string& group,
                                              const std::string& consumer, std::size_t limit) {
  return Must(Run(streams().ReadGroup(stream, group, consumer, limit, ms(0))));
}

std::uint64_t StreamsSuite::Acknowledge(const std::string& stream, const std::string& group,
                                        std::vector<StreamId> ids) {
  return Must(Run(streams().Acknowledge(stream, group, std::move(ids))));
}

StreamsSuite::Entries StreamsSuite::Claim(const std::string& stream, const std::string& group,
                                          const std::string& consumer, ms idle, std::size_t limit) {
  return Must(Run(streams().Claim(stream, group, consumer, idle, limit)));
}

GroupStats StreamsSuite::Group(const std::string& stream, const std::string& group) {
  return Must(Run(streams().Group(stream, group)));
}

std::vector<std::string> StreamsSuite::Bodies(const Entries& entries) {
  std::vector<std::string> bodies;
  for (const StreamEntry& entry : entries) bodies.push_back(entry.message.body);
  return bodies;
}

std::vector<StreamId> StreamsSuite::Ids(const Entries& entries) {
  std::vector<StreamId> ids;
  for (const StreamEntry& entry : entries) ids.push_back(entry.id);
  return ids;
}

}  // namespace tidings::messaging::testing
