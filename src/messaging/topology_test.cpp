#include <tidings/messaging/topology.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tidings::messaging {
namespace {

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  if (text.empty()) return words;
  std::size_t begin = 0;
  for (std::size_t dot = text.find('.'); dot != std::string::npos; dot = text.find('.', begin)) {
    words.push_back(text.substr(begin, dot - begin));
    begin = dot + 1;
  }
  words.push_back(text.substr(begin));
  return words;
}

// The definition, by trying everything.
bool Defined(const std::vector<std::string>& pattern, std::size_t p, const std::vector<std::string>& key,
             std::size_t k) {
  if (p == pattern.size()) return k == key.size();
  if (pattern[p] == "#") {
    for (std::size_t taken = k; taken <= key.size(); ++taken) {
      if (Defined(pattern, p + 1, key, taken)) return true;
    }
    return false;
  }
  return k < key.size() && (pattern[p] == "*" || pattern[p] == key[k]) && Defined(pattern, p + 1, key, k + 1);
}

TEST(TopicMatches, FollowsTheWordsOfTheSpecification) {
  EXPECT_TRUE(TopicMatches("order.*", "order.created"));
  EXPECT_FALSE(TopicMatches("order.*", "order"));
  EXPECT_FALSE(TopicMatches("order.*", "order.item.added"));
  EXPECT_TRUE(TopicMatches("order.#", "order"));
  EXPECT_TRUE(TopicMatches("#", ""));
  EXPECT_FALSE(TopicMatches("*", ""));
  EXPECT_TRUE(TopicMatches("#.b.#.c", "a.b.b.x.c"));
  EXPECT_TRUE(TopicMatches("*.stock.#", "usd.stock"));
}

// Every pattern and key of up to five words out of few.
TEST(TopicMatches, EqualsItsDefinitionOnAllShortPatterns) {
  const std::vector<std::string> pattern_words = {"a", "", "*", "#"};
  const std::vector<std::string> key_words = {"a", "b", ""};
  const auto all = [](const std::vector<std::string>& words, int longest) {
    std::vector<std::string> texts = {""};
    std::vector<std::string> last = words;
    for (int length = 1; length <= longest; ++length) {
      texts.insert(texts.end(), last.begin(), last.end());
      std::vector<std::string> next;
      for (const auto& head : last) {
        for (const auto& word : words) next.push_back(head + "." + word);
      }
      last = std::move(next);
    }
    return texts;
  };
  const auto keys = all(key_words, 4);
  for (const auto& pattern : all(pattern_words, 5)) {
    const auto words = Words(pattern);
    for (const auto& key : keys) {
      ASSERT_EQ(TopicMatches(pattern, key), Defined(words, 0, Words(key), 0))
          << '"' << pattern << "\" \"" << key << '"';
    }
  }
}

// A matcher that tries every split would take years for this.
TEST(TopicMatches, IsQuickForManyHashes) {
  std::string pattern = "#";
  std::string key = "a";
  for (int i = 0; i < 100; ++i) {
    pattern += ".a.#";
    key += ".a";
  }
  EXPECT_FALSE(TopicMatches(pattern + ".b", key));
}

TEST(DeadLetterQueue, IsNamedByItsOriginAndTellsIt) {
  EXPECT_EQ(DeadLetterQueue("orders"), "orders.dead");
  EXPECT_EQ(OriginOfDeadLetters("orders.dead"), "orders");
  EXPECT_EQ(OriginOfDeadLetters("orders"), std::nullopt);
  EXPECT_EQ(OriginOfDeadLetters("orders.dead.now"), std::nullopt);
}

TEST(Topology, ChecksNamesAndBounds) {
  EXPECT_TRUE(Check(Topology().AddExchange("orders", ExchangeKind::kTopic).AddQueue("q").Bind("orders", "q", "a.#")));
  EXPECT_FALSE(Check(Topology().AddQueue("")));
  EXPECT_FALSE(Check(Topology().AddQueue(std::string(201, 'q'))));
  EXPECT_FALSE(Check(Topology().AddQueue("a b")));
  EXPECT_FALSE(Check(Topology().AddExchange("amq.mine", ExchangeKind::kDirect)));
  EXPECT_FALSE(Check(Topology().AddQueue("q").Bind("x", "q", std::string(256, 'k'))));
  QueueOptions exclusive;
  exclusive.exclusive = true;
  EXPECT_FALSE(Check(Topology().AddQueue("q", exclusive)));
}

}  // namespace
}  // namespace tidings::messaging
