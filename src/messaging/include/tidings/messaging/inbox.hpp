// Inbox: which messages a consumer has handled, kept in the very transaction of what the handling changed, so that a
// message that comes again changes nothing again.
//
//   router.Subscribe("orders", Idempotent(inbox), [](Context& context) -> Task<Status> {
//     context.unit()->As<MemoryUnit>().OnCommit([] { ++orders; });
//     co_return Status();
//   });
//
// A message is never marked before its effect: a try that failed is tried again. Who has a transaction of his own calls
// Record on a unit that joins it, where the inbox can do that (see each one), and needs no middleware.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/base/clock.hpp>
#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::messaging {

enum class Recorded {
  kFirst,   // now the unit's: effect and record are committed together
  kBefore,  // it was handled: acknowledge it and do nothing
};

// A transaction, the effect's own. Dropped uncommitted: rolled back.
class InboxUnit {
 public:
  virtual ~InboxUnit() = default;
  // Ids are told apart by consumer: each handles a message once. kConflict: another unit that is not committed yet has
  // it; try later.
  virtual Task<Result<Recorded>> Record(std::string message_id, std::string consumer, Millis now) = 0;
  // Durable when it returns success. REQUIRES: once; not called if the unit joined a transaction that another commits.
  virtual Task<Status> Commit() = 0;

  // The kind of unit that the inbox in use makes. REQUIRES: it is of this kind (std::bad_cast is thrown if not).
  template <class Unit>
  Unit& As() {
    return dynamic_cast<Unit&>(*this);
  }
};

class Inbox {
 public:
  virtual ~Inbox() = default;
  virtual Task<Result<std::unique_ptr<InboxUnit>>> Begin() = 0;
  // Forgets what was recorded before this time; returns how many. Keep records longer than the longest retry, and longer
  // than dead letters wait for their replay.
  virtual Task<Result<std::uint64_t>> Forget(Millis before) = 0;
};

}  // namespace tidings::messaging
