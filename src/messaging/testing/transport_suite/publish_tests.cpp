// Conformance of Transport: what is published arrives whole, once, where it was sent, or is refused.
#include "testing/transport_suite.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace tidings::messaging::testing {
namespace {

TEST_P(TransportSuite, HandsOutWhatWasPublishedWhole) {
  const std::string queue = Queue();
  std::vector<Message> sent;
  for (int i = 0; i < 100; ++i) {
    Message message = Numbered(i);
    message.key = "key " + std::to_string(i % 7);
    message.headers.Set("number", std::to_string(i));
    message.headers.Set("correlation-id", "conversation");
    sent.push_back(message);
    EXPECT_EQ(Publish(queue, std::move(message)), 1U);
  }
  const auto consumer = Consume(queue);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    Delivery delivery = Next(*consumer);
    const auto same = std::ranges::find(sent, delivery.message().id, &Message::id);
    ASSERT_NE(same, sent.end());
    EXPECT_EQ(Difference(delivery.message(), *same, features().orders_headers), "");
    EXPECT_EQ(delivery.queue(), queue);
    EXPECT_EQ(delivery.attempt(), 1U);
    if (features().steady) EXPECT_EQ(delivery.deliveries(), 1U);
    Ack(delivery);
  }
}

TEST_P(TransportSuite, KeepsEveryKindOfContent) {
  const std::string queue = Queue();
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte.push_back(static_cast<char>(c));
  std::vector<Message> sent(6);
  for (Message& message : sent) message.id = Uuid::Random(timers().Now()).Text();
  sent[1].body = every_byte;
  sent[1].headers.Set("every-byte", every_byte);
  sent[1].headers.Set("empty", "");
  sent[2].type = "größe.geändert";
  sent[2].key = "ключ";
  sent[2].headers.Set("place", "東京\r\n\"quoted\", {json}");
  sent[3].id = std::string(Message::kMostId, '~');
  sent[3].type = std::string(Message::kMostKey, 't');
  sent[3].key = std::string(Message::kMostKey, 'k');
  sent[3].body = std::string(70'000, '\0');
  for (std::size_t i = 0; i < Headers::kMostHeaders; ++i) {
    sent[4].headers.Set("header-" + std::to_string(i), std::string(400, static_cast<char>('a' + i % 26)));
  }
  sent[5].headers.Set(std::string(128, '!'), std::string(Headers::kMostHeaderBytes - 128, 'v'));
  for (const Message& message : sent) {
    Publish(queue, message);
    Delivery delivery = Pop(queue);
    EXPECT_EQ(Difference(delivery.message(), message, features().orders_headers), "");
    Ack(delivery);
  }
}

TEST_P(TransportSuite, TakesABodyUpToItsBound) {
  const std::string queue = Queue();
  const std::size_t most = capabilities().max_body;
  const std::size_t size = Large() ? most : std::min<std::size_t>(most, 1 << 20);
  const Message large("large", std::string(size, 'x'));
  Publish(queue, large);
  Delivery delivery = Pop(queue);
  EXPECT_TRUE(delivery.message() == large) << "a body of " << size << " bytes came back otherwise";
  Ack(delivery);
  const auto refused = TryPublish(Address::Queue(queue), Message("large", std::string(most + 1, 'x')));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kTooLarge);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, RefusesAMessageThatIsOutOfBounds) {
  const std::string queue = Queue();
  const auto refusal = [&](const auto& change) {
    Message message = Numbered(0);
    change(message);
    return CodeOf(TryPublish(Address::Queue(queue), message));
  };
  EXPECT_EQ(refusal([](Message& message) { message.id = ""; }), ErrorCode::kInvalid);
  EXPECT_EQ(refusal([](Message& message) { message.id = "a b"; }), ErrorCode::kInvalid);
  EXPECT_EQ(refusal([](Message& message) { message.headers.Set("a b", ""); }), ErrorCode::kInvalid);
  EXPECT_EQ(refusal([](Message& message) { message.key = std::string(256, 'k'); }), ErrorCode::kTooLarge);
  EXPECT_EQ(refusal([](Message& message) { message.type = std::string(256, 't'); }), ErrorCode::kTooLarge);
  EXPECT_EQ(refusal([](Message& message) { message.headers.Set("h", std::string(33'000, 'v')); }),
            ErrorCode::kTooLarge);
  EXPECT_EQ(refusal([](Message& message) {
              for (int i = 0; i < 65; ++i) message.headers.Set(std::to_string(i), "");
            }),
            ErrorCode::kTooLarge);
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, AMessageToNoQueueIsAnErrorUnlessItsPublisherDoesNotMind) {
  const std::string missing = Name("missing");
  EXPECT_EQ(CodeOf(TryPublish(Address::Queue(missing), Numbered(0))), ErrorCode::kNotFound);
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 0U);
  PublishOptions anywhere;
  anywhere.require_route = false;
  EXPECT_TRUE(TryPublish(Address::Queue(missing), Numbered(0), anywhere));
  EXPECT_EQ(ledger().Of(LossCause::kUnrouted), 1U);
}

TEST_P(TransportSuite, SaysThatAQueueIsMissing) {
  const std::string missing = Name("missing");
  EXPECT_EQ(CodeOf(Run(transport().Pop(missing, ms(0)))), ErrorCode::kNotFound);
  const auto consumer = Run(transport().Consume(missing, ConsumeOptions()));
  ASSERT_EQ(CodeOf(consumer), ErrorCode::kNotFound);
  EXPECT_NE(consumer.error().message().find(missing), std::string::npos) << consumer.error().message();
  EXPECT_EQ(CodeOf(Run(transport().Stats(missing))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(Run(transport().Purge(missing))), ErrorCode::kNotFound);
  // And goes on: a refusal does not harm what comes after it.
  const std::string queue = Queue();
  PublishNumbered(queue, 1);
  Delivery delivery = Pop(queue);
  Ack(delivery);
}

TEST_P(TransportSuite, PublishesManyInOrder) {
  const std::string queue = Queue();
  const int count = Large() ? 5'000 : 500;
  const auto ids = PublishNumbered(queue, count);
  const auto bodies = TakeAll(queue, ids);
  if (capabilities().ordered && features().steady) EXPECT_EQ(bodies, Numbers(count));
}

TEST_P(TransportSuite, TheFirstErrorStopsTheRestOfMany) {
  const std::string queue = Queue();
  std::vector<Outgoing> all;
  all.emplace_back(Address::Queue(Name("missing")), Numbered(0));
  all.emplace_back(Address::Queue(queue), Message::WithId("", "", "not sent"));
  EXPECT_FALSE(Run(transport().PublishAll(std::move(all))));
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, TakesFromManyPublishersAtOnce) {
  const std::string queue = Queue();
  const int publishers = 20;
  const int each = Large() ? 250 : 25;
  std::vector<std::string> accepted;
  int done = 0;
  const auto publish = [&](int publisher) -> Task<void> {
    for (int i = 0; i < each; ++i) {
      Message message("from." + std::to_string(publisher), std::to_string(i));
      std::string id = message.id;
      const auto published = co_await transport().Publish(Address::Queue(queue), std::move(message));
      if (published) {
        accepted.push_back(std::move(id));
      } else {
        ADD_FAILURE() << published.error().message();
      }
    }
    ++done;
  };
  for (int publisher = 0; publisher < publishers; ++publisher) Spawn(publish(publisher));
  ASSERT_TRUE(Until([&] { return done == publishers; }));
  const auto bodies = TakeAll(queue, accepted);
  if (features().steady) EXPECT_EQ(bodies.size(), accepted.size());
  EXPECT_TRUE(Empty(queue));
}

TEST_P(TransportSuite, OneQueuesMessagesAreNeverSeenOnAnother) {
  std::vector<std::string> queues;
  for (int i = 0; i < 10; ++i) queues.push_back(Queue());
  for (int number = 0; number < 10; ++number) {
    for (const std::string& queue : queues) {
      // The same ids on each.
      Publish(queue, Message::WithId("same-" + std::to_string(number), "", queue));
    }
  }
  for (const std::string& queue : queues) {
    std::vector<std::string> ids;
    for (int number = 0; number < 10; ++number) ids.push_back("same-" + std::to_string(number));
    for (const std::string& body : TakeAll(queue, ids)) EXPECT_EQ(body, queue);
    EXPECT_TRUE(Empty(queue));
  }
}

}  // namespace
}  // namespace tidings::messaging::testing
