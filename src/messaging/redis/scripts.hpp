// The steps that must be one, as Lua. Every key that they touch is among KEYS.
//
// An entry is what stands for a message in lists and sets: token:handed:unsettled:at:expires:place. Handed is how
// often it was handed out, unsettled how often of those, in a row, nobody settled it; at is when it was published and expires
// when it does (0: never), in milliseconds of the server's clock; place rises with each message that the queue was given. The
// token is unique for ever, made by the publisher.
//
// What was leased and goes back goes to its place among what is ready, whoever gives it back first.
#pragma once

#include "client.hpp"

namespace tidings::redis::scripts {

// KEYS: topology, then per queue options, ready, messages, delayed. ARGV: version of the topology ("": to one queue by
// name), number of queues, their wake channels; then per message token, time to live, delay, message.
// Answers "STALE", "MISSING", or {messages accepted, queues reached}; those not accepted found the queue full.
extern const Script kPublish;

// KEYS: options, ready, messages, leased, delayed, consumers. ARGV: how many, lease, consumer, wake, "1" to register it,
// owner of exclusive queues, "1" for a consumer that waits for its turn in a single-active queue.
// What is due and whose lease ended becomes ready first. A consumer of a single-active queue
// takes nothing while anybody else holds something. Answers "MISSING", "EXCLUSIVE" or {ms until something becomes ready by itself
// or -1, flags, then per message its leased entry and the message}; a flag is a digit: 1 expired, 2 over the delivery limit.
extern const Script kTake;

// KEYS: options, ready, messages, leased. ARGV: how many at most, lease, consumer. Leases those at the head that have
// expired. Answers as kTake, with the ms until the next one at the head expires, or -1.
extern const Script kExpire;

// KEYS: leased, messages. ARGV: leased entries. Answers a digit for each: 1 it was ours and is gone.
extern const Script kAck;

// KEYS: leased, ready. ARGV: wake, "1" if they do not count as unsettled, leased entries. Answers as kAck.
extern const Script kReturn;

// KEYS: leased, ready, messages, delayed. ARGV: wake, leased entry, delay, message. Answers 1 or 0.
extern const Script kRetry;

// KEYS: leased, messages, and of the dead letters' queue options, ready, messages. ARGV: leased entry, message, the dead
// letters' wake. Answers 1 or 0, or "MISSING" if there is no such queue.
extern const Script kBury;

// KEYS: leased. ARGV: lease, leased entries. Answers as kAck.
extern const Script kExtend;

// KEYS: leased, ready. ARGV: wake, consumer, leased entries that it knows of. The others that are leased to it go back
// uncounted: their hand-out was lost with a connection. Answers how many.
extern const Script kRecover;

// KEYS: options, queues. ARGV: name, how long it lives ("0": for ever), then fields and values. Answers 1 if it was made.
extern const Script kDeclareQueue;

// KEYS: exchanges, topology. ARGV: name, kind. Answers the kind that it has.
extern const Script kDeclareExchange;

// KEYS: bindings, exchanges, topology, options of the queue. ARGV: exchange, binding. Answers OK, EXCHANGE or QUEUE:
// what is missing.
extern const Script kBind;

// KEYS: exchanges, bindings, topology. Answers {version, exchanges, bindings}.
extern const Script kReadTopology;

// KEYS: options, ready, messages, leased, delayed, consumers. ARGV: wake. Answers "MISSING" or {ready, leased, delayed,
// consumers, age of the oldest or -1}.
extern const Script kStats;

// KEYS: options, ready, messages, delayed. ARGV: how many at most. Answers how many, or "MISSING".
extern const Script kPurge;

// KEYS: the queue's options, ready, messages, leased, delayed, consumers; the same of its dead letters' queue; queues,
// bindings, topology. ARGV: both names. Answers "MISSING" or 1.
extern const Script kDeleteQueue;

// KEYS: the queue's options, ready, messages, leased, delayed, consumers. ARGV: how long they live on.
extern const Script kKeepAlive;

// KEYS: stream. ARGV: "length" or "from", its value, "1" to force, most entries to cut. Answers {cut, lost, "1" if there
// is more to cut}.
extern const Script kTrim;

// KEYS: stream. ARGV: group, consumer, idle, how many, cursor. Answers {cursor, entries, number of entries that were cut
// off while pending, deliveries of each entry}.
extern const Script kClaim;

// All of them.
std::vector<const Script*> All();

}  // namespace tidings::redis::scripts
