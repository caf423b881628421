#include "transport_fixture.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <tidings/base/id.hpp>

namespace tidings::messaging::testing {

std::string Difference(const Message& came, const Message& sent, bool in_order) {
  std::string text;
  const auto compare = [&](const std::string& part, std::string_view now, std::string_view then) {
    if (now == then) return;
    const auto shown = [](std::string_view value) {
      return std::to_string(value.size()) + " bytes: " + ::testing::PrintToString(std::string(value.substr(0, 80)));
    };
    text += part + " has " + shown(now) + " where " + shown(then) + " were sent; ";
  };
  compare("id", came.id, sent.id);
  compare("type", came.type, sent.type);
  compare("key", came.key, sent.key);
  compare("body", came.body, sent.body);
  const auto names = [&](const Headers& headers) {
    std::vector<std::string> all;
    for (const auto& [name, value] : headers) all.push_back(name);
    if (!in_order) std::ranges::sort(all);
    std::string list;
    for (const std::string& name : all) list += name + " ";
    return list;
  };
  compare("the list of headers", names(came.headers), names(sent.headers));
  for (const auto& [name, value] : sent.headers) compare("header " + name, came.headers.Get(name), value);
  return text;
}

void TransportFixture::SetUp() {
  environment_ = GetParam().make();
  if (features().virtual_time) {
    virtual_timers_.emplace();
  } else {
    system_timers_.emplace(runner_.executor());
  }
  transport_ = Open();
}

void TransportFixture::TearDown() {
  // After a failure something may wait still for what is gone by now.
  if (!transport_ || HasFailure()) return;
  if (!environment_->leaves_queues()) {
    for (const std::string& name : names_) (void)Run(transport_->DeleteQueue(name));
  }
  Run(transport_->Close());
}

Timers& TransportFixture::timers() {
  if (virtual_timers_) return *virtual_timers_;
  return *system_timers_;
}

std::unique_ptr<Transport> TransportFixture::Open() {
  auto opened = Run(environment_->Open(runner_.executor(), timers(), ledger_));
  return Must(std::move(opened));
}

void TransportFixture::Reopen() {
  Run(transport_->Close());
  transport_.reset();
  transport_ = Open();
}

bool TransportFixture::UntilAll(std::size_t all, const std::function<std::size_t()>& count) {
  for (std::size_t before = count(); before < all; before = count()) {
    if (!Until([&] { return count() > before; })) return false;
  }
  return true;
}

void TransportFixture::Pass(ms duration) {
  if (!virtual_timers_) return runner_.RunFor(duration);
  Settle();
  virtual_timers_->Advance(duration);
  Settle();
}

void TransportFixture::InTime(const std::function<bool(ms unit)>& attempt) {
  for (ms longer = unit(); longer <= 32 * unit(); longer *= 2) {
    if (attempt(longer) || HasFailure()) return;
  }
  FAIL() << "the machine is too slow to tell, with times of " << (32 * unit()).count() << " ms too";
}

std::string TransportFixture::Name(const std::string& noun) {
  names_.push_back(noun + "-" + RandomToken(10));
  return names_.back();
}

std::string TransportFixture::Queue(const QueueOptions& options, const std::string& noun) {
  std::string name = Name(noun);
  Declare(Topology().AddQueue(name, options));
  return name;
}

void TransportFixture::Declare(const Topology& topology) { Must(Run(transport().Declare(topology))); }

Result<std::size_t> TransportFixture::TryPublish(Address to, Message message, PublishOptions options) {
  return Run(transport().Publish(std::move(to), std::move(message), options));
}

std::size_t TransportFixture::Publish(const std::string& queue, Message message, PublishOptions options) {
  return Must(TryPublish(Address::Queue(queue), std::move(message), options));
}

std::vector<std::string> TransportFixture::PublishNumbered(const std::string& queue, int count) {
  std::vector<std::string> ids;
  std::vector<Outgoing> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back(Address::Queue(queue), Numbered(i));
    ids.push_back(all.back().message.id);
  }
  Must(Run(transport().PublishAll(std::move(all))));
  return ids;
}

std::unique_ptr<Consumer> TransportFixture::Consume(const std::string& queue, std::uint16_t prefetch) {
  ConsumeOptions options(prefetch);
  options.lease = lease();
  return Consume(queue, options);
}

std::unique_ptr<Consumer> TransportFixture::Consume(const std::string& queue, const ConsumeOptions& options) {
  return Must(Run(transport().Consume(queue, options)));
}

Delivery TransportFixture::Next(Consumer& consumer) { return Must(Run(consumer.Next())); }

Delivery TransportFixture::Pop(const std::string& queue) {
  auto popped = Must(Run(transport().Pop(queue, ms(features().virtual_time ? 0 : 10'000))));
  const auto there = [&] {
    if (!popped) popped = Must(Run(transport().Pop(queue, ms(0))));
    return popped.has_value();
  };
  if (!Until(there)) throw std::runtime_error("there is no message in queue " + queue);
  return std::move(*popped);
}

bool TransportFixture::Empty(const std::string& queue) {
  Settle();
  return !Must(Run(transport().Pop(queue, ms(0)))).has_value();
}

QueueStats TransportFixture::Stats(const std::string& queue) { return Must(Run(transport().Stats(queue))); }

bool TransportFixture::Ready(const std::string& queue, std::uint64_t count) {
  return Until([&] { return Stats(queue).ready == count; });
}

void TransportFixture::Ack(Delivery& delivery) { Must(Run(delivery.Ack())); }

std::vector<std::string> TransportFixture::TakeAll(const std::string& queue, const std::vector<std::string>& ids) {
  std::set<std::string> missing(ids.begin(), ids.end());
  std::vector<std::string> bodies;
  while (!missing.empty()) {
    Delivery delivery = Pop(queue);
    bodies.push_back(delivery.message().body);
    missing.erase(delivery.message().id);
    Ack(delivery);
  }
  return bodies;
}

std::vector<std::string> TransportFixture::Numbers(int count) {
  std::vector<std::string> numbers;
  numbers.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

}  // namespace tidings::messaging::testing
