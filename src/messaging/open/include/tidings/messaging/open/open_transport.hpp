// OpenTransport: the transport that an address names, so that a program is told by its settings where its messages lie.
//
//   SystemTimers timers(context.get_executor());
//   LossLedger ledger;
//   auto transport = OpenTransport(context.get_executor(), timers, ledger, "redis://127.0.0.1:6379");
//   if (!transport) return Report(transport.error());
//
// | address | transport |
// |---|---|
// | memory:                        | MemoryTransport, with a broker of its own or the one that is given |
// | sqlite:FOLDER, sqlite:///FOLDER | SqliteTransport in this folder; the first may be relative |
// | redis://[[user]:password@]host[:port][/database] | RedisTransport |
// | amqp://…, amqps://…            | RabbitTransport |
//
// It links all transports: a program that needs one alone, or more of its options, makes that one.
#pragma once

#include <memory>
#include <string_view>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/memory_transport.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging {

// kInvalid: the address is none. A folder that cannot be used is an error at once; a broker that cannot be reached is one
// of the calls that need it. `memory`, if it is not null, is what "memory:" connects to, so that several transports share
// their queues; it tells its own ledger what it loses. REQUIRES: `timers` and `ledger` outlive the transport.
Result<std::unique_ptr<Transport>> OpenTransport(Executor executor, Timers& timers, LossLedger& ledger,
                                                 std::string_view address,
                                                 std::shared_ptr<MemoryBroker> memory = nullptr);

}  // namespace tidings::messaging
