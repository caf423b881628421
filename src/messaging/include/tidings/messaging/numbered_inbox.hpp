// NumberedInbox: an Inbox that also remembers how far each sequence of numbered messages is handled; see
// order_by_number.hpp, which uses it, and numbering.hpp, which makes the numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <tidings/messaging/inbox.hpp>

namespace tidings::messaging {

class NumberedUnit : public InboxUnit {
 public:
  // With the commit, `consumer` is in this sequence as far as `number`; it never goes back.
  virtual void Advance(std::string consumer, std::string sequence, std::uint64_t number, Millis now) = 0;
};

// Its units are NumberedUnits. Forget, and whatever else makes it forget records, forgets sequences too in which nothing was
// handled since: their consumers begin anew with them.
class NumberedInbox : public Inbox {
 public:
  // How far the units that were committed have come; nothing if it is not known.
  virtual Task<Result<std::optional<std::uint64_t>>> Position(std::string consumer, std::string sequence) = 0;
};

}  // namespace tidings::messaging
