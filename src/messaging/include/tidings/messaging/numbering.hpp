// Numbering: what a publisher does so that its consumers can keep the order of a key whatever a broker does to it: it numbers
// the messages of each key. order_by_number.hpp is the consumers' side.
//
// The best number is one that you have: the version of the thing that the key names, a counter committed with your outbox.
//
//   message.key = order.id;
//   SetNumber(message, order.version);                    // 1, 2, 3 … without a hole
//   SetNumber(message, row, last_row_of_this_order);      // numbers that only rise: say which one came before
//
// It is the message's, like its id: a message that is published again because nobody knows whether it was accepted keeps both.
// One that is given up leaves a hole, for which consumers wait once. Who has no number lets it be counted:
//
//   Numbering numbering([&](const std::string& key) { return table.LastNumberOf(key); });
//   Status numbered = numbering.Stamp(message);
//
// SqliteNumbers (messaging/sqlite) keeps such a count in the transaction of an outbox.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <tidings/messaging/message.hpp>

namespace tidings::messaging {

// The message's place among those of its key: its number, the one before it where that is not one less, and who counts.
namespace header {
inline constexpr std::string_view kNumber = "tidings-number";
inline constexpr std::string_view kAfter = "tidings-after";
inline constexpr std::string_view kProducer = "tidings-producer";
}  // namespace header

// Writes them. Numbers begin with 1, and each says which one came before it: number - 1, or
// `after` (0 for the first of all). Several publishers of one key number for themselves under different names: the order is
// kept among those of each. REQUIRES: after < number; `producer` is a header's value.
void SetNumber(Message& message, std::uint64_t number, const std::string& producer = "");
void SetNumber(Message& message, std::uint64_t number, std::uint64_t after, const std::string& producer = "");

// One executor.
class Numbering {
 public:
  // The last number that a message of this key was given, 0 if none was.
  using Last = std::function<Result<std::uint64_t>(const std::string& key)>;
  // Keys that are counted in memory at once. One is forgotten when at least half as many others were numbered since its last.
  static constexpr std::size_t kMostKeys = 100'000;

  // For publishers that remember nothing: counts in memory, under a name that no other publisher has and none will have after a
  // restart. The order holds among the messages of one such life of the publisher; those of a key that was forgotten in
  // between go by another name from there on, with numbers from 1.
  Numbering();
  // Goes on where `last` says, which is asked once a key (and once more when it was forgotten). It knows the numbers of all
  // messages that may have been published: of those that were written to a store before they were. One publisher at a time has a
  // key, or `producer` tells them apart.
  explicit Numbering(Last last, std::string producer = "");

  // Numbers the next message of its key; one without a key has no order and gets none. An error of `last`: it is not numbered.
  Status Stamp(Message& message);

 private:
  using Name = std::shared_ptr<const std::string>;
  class Count {
   public:
    Count(std::uint64_t last_, Name producer_) : last(last_), producer(std::move(producer_)) {}
    std::uint64_t last;
    Name producer;  // which the key was given with its first number
  };
  using Counts = std::unordered_map<std::string, Count>;

  // The count of a key that is known, which is among the newer ones from here on; null if it is not.
  Count* Find(const std::string& key);
  // Room for one more among the newer ones: where they are too many the older ones are forgotten.
  void MakeRoom();

  Last last_;
  Name producer_;  // of keys that begin now: no forgotten one had it, where names are random
  Counts newer_;
  Counts older_;
};

// A message's place as SetNumber wrote it.
class SequencePlace {
 public:
  // Nothing if it has none.
  static std::optional<SequencePlace> Of(const Message& message);
  const std::string& sequence() const { return sequence_; }  // of its key, and producer
  static std::string KeyOf(const std::string& sequence);
  std::uint64_t number() const { return number_; }
  std::uint64_t after() const { return after_; }

 private:
  SequencePlace(std::string sequence, std::uint64_t number, std::uint64_t after)
      : sequence_(std::move(sequence)), number_(number), after_(after) {}
  std::string sequence_;
  std::uint64_t number_;
  std::uint64_t after_;
};

}  // namespace tidings::messaging
