// QueueSession: one piece of work on a transport that is opened for it, run to its end on this thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/app/bridge.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/eventing/event_store.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::app {

// As messaging::OpenTransport, for the chat's messages; of SQLite the file may be named too. `make`: a folder without queues
// becomes one; else it is kNotFound.
Result<std::unique_ptr<messaging::Transport>> OpenTransport(const std::string& address, messaging::Executor executor,
                                                            messaging::Timers& timers, messaging::LossLedger& ledger,
                                                            bool make);

using QueueWork = std::function<messaging::Task<Status>(messaging::Transport&, messaging::Timers&)>;

// Opens the transport, runs the work, closes. What the work returns. With a `teller` the log is told what was lost (LogLosses).
Status OnTransport(const std::string& address, const QueueWork& work, bool make = false, std::string_view teller = "");
// The same on the embedded queues of a store. REQUIRES: nobody else has them open.
Status OnEmbedded(const eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine,
                  const QueueWork& work);

// Moves queues to another transport; see Bridge. SIGINT and SIGTERM end it in good order. `moved` counts also if it fails.
Status BridgeTransports(const std::string& from, const std::string& to, BridgeOptions options, std::uint64_t& moved);
// The same out of a store: with its exchanges and bindings, all of its queues. When all is moved, the relay of this store goes
// on from there, so that what was moved is not published again.
Status BridgeEmbedded(const eventing::EventStore& store, chat::ReadPool& reads, chat::Engine& engine,
                      const std::string& to, std::uint64_t& moved);

}  // namespace tidings::app
