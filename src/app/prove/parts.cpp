#include "parts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <stdexcept>

#include <tidings/messaging/numbering.hpp>

namespace tidings::app {

using messaging::Address;
using messaging::Message;
using messaging::Task;
using messaging::Timers;
using messaging::Transport;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kPublishedAtOnce = 16;
constexpr std::uint64_t kKeys = 8;
constexpr milliseconds kBetween{20};
constexpr milliseconds kAfterFailure{50};
// How long a hasty consumer is at risk.
constexpr milliseconds kHasty{5};
constexpr int kDigits = 20;

}  // namespace

std::string HoldFile(const std::string& folder) { return folder + "/hold"; }

std::string ProveQueue(const std::string& run, std::uint32_t part) { return run + "." + std::to_string(part); }

messaging::Topology ProveTopology(const std::string& run) {
  messaging::QueueOptions options;
  // Consumers are killed far more often here than a message of theirs is to blame for.
  options.delivery_limit = 100'000;
  // A consumer that was started anew gets nothing before what the dead one held is back in its place.
  options.single_active = true;
  messaging::Topology topology;
  for (std::uint32_t part = 0; part < kParts; ++part) topology.AddQueue(ProveQueue(run, part), options);
  return topology;
}

Journal::Journal(const std::string& folder, std::uint32_t part)
    : file_(::open((folder + "/producer-" + std::to_string(part)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ < 0) throw std::runtime_error("a journal in " + folder + " cannot be made");
}

Journal::~Journal() { ::close(file_); }

std::uint64_t Journal::Accepted() const {
  char text[kDigits] = {};
  const ssize_t size = ::pread(file_, text, sizeof(text), 0);
  std::uint64_t accepted = 0;
  if (size == kDigits) std::from_chars(text, text + size, accepted);
  return accepted;
}

void Journal::Accept(std::uint64_t upto) {
  char text[kDigits + 1];
  std::snprintf(text, sizeof(text), "%020llu", static_cast<unsigned long long>(upto));
  if (::pwrite(file_, text, kDigits, 0) != kDigits) throw std::runtime_error("a journal cannot be written");
}

Task<void> Produce(Transport& transport, Timers& timers, std::string queue, Journal& journal,
                   std::function<bool()> stopped) {
  while (!stopped()) {
    const std::uint64_t first = journal.Accepted() + 1;
    if (first > kMostMessages) co_return;
    std::vector<messaging::Outgoing> batch;
    for (std::uint64_t number = first; number < first + kPublishedAtOnce; ++number) {
      Message message = Message::WithId(queue + "-" + std::to_string(number), "prove", std::to_string(number));
      message.key = "key-" + std::to_string(number % kKeys);
      messaging::SetNumber(message, (number - 1) / kKeys + 1);
      batch.emplace_back(Address::Queue(queue), std::move(message));
    }
    Status published = co_await transport.PublishAll(std::move(batch));
    if (published) journal.Accept(first + kPublishedAtOnce - 1);
    co_await timers.Sleep(published ? kBetween : kAfterFailure);
  }
}

Task<void> ConsumeHastily(Transport& transport, Timers& timers, std::string queue, Effects& effects,
                          std::function<bool()> stopped) {
  messaging::ConsumeOptions options(16);
  options.lease = ProveLease(transport);
  auto consumer = co_await transport.Consume(std::move(queue), options);
  while (consumer && !stopped()) {
    auto delivery = co_await (*consumer)->Next();
    if (!delivery || stopped()) co_return;
    const Message message = delivery->message();
    // It does not look whether that succeeded, either.
    (void)co_await delivery->Ack();
    co_await timers.Sleep(kHasty);
    if (stopped()) co_return;
    effects.Record(message.id, message.key, NumberOf(message));
  }
}

}  // namespace tidings::app
