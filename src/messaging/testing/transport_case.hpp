// What an implementation tells the conformance suites of Transport about itself; see transport_suite.hpp.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::messaging::testing {

// What can be done to a transport of this case. Each is a claim about the environment, beside the transport's Capabilities.
class Features {
 public:
  bool virtual_time = false;   // Open is given VirtualTimers, which the tests move
  bool reopens = false;        // what was accepted is there again when all transports were closed and one is opened
  bool several = false;        // several transports may be open at once over the same queues
  bool server = false;         // KillServer, StartServer, PauseServer and ResumeServer do what they say
  bool cuts = false;           // CutConnections does what it says
  bool silences = false;       // Silence, noticed and EndSilence do what they say
  bool slow = false;           // each byte takes so long that the large sizes of --full are left out
  bool steady = true;          // false where connections break at any time: messages may come twice and out of order
  bool sees_expiry = true;     // what a time to live drops is counted in this process's ledger
  bool sees_held = true;       // what is handed out counts as lost when its queue is deleted
  bool orders_headers = true;  // headers come in the order in which they were set
  bool succession = true;      // what a dead consumer of a single-active queue held comes before what nobody had
  bool counts_drops = true;    // a delivery dropped unsettled counts against the delivery limit
  // The unit of the tests' delays, leases and times to live: some of them pass in a test, really if time is real.
  std::chrono::milliseconds unit{1'000};
  // The lease of consumers in tests that are not about leases; 20 units if it is not given. Long where the machine may stand
  // still for a while, short where a broken connection is found by it.
  std::optional<std::chrono::milliseconds> lease;
  // With virtual time: how long, really, what goes on by itself may need to be done, or to show that it is not.
  std::chrono::milliseconds settling{2};
};

// Where a case's transports live: a file, a server, a proxy before it. One is made for each test.
class TransportEnvironment {
 public:
  virtual ~TransportEnvironment() = default;

  // A transport of its own, as another process would have it; `several` of them at once, or one after the other.
  virtual Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) = 0;
  // Ends it as kill -9 of its process would: no goodbye is said. What it held comes back by its connection's end, or by time.
  virtual void Abandon(std::unique_ptr<Transport> transport) { transport.reset(); }

  // Features::server. Killed by SIGKILL and started over its data; stopped by SIGSTOP and continued.
  virtual void KillServer() {}
  virtual void StartServer() {}
  virtual void PauseServer() {}
  virtual void ResumeServer() {}
  // Features::cuts: breaks all connections that are open now; or when so many more bytes went to the server.
  virtual void CutConnections() {}
  virtual void CutConnectionsAfter(std::uint64_t /*bytes*/) { CutConnections(); }
  // Features::silences. Half-open connections: they stand, and nothing comes through them any more; nor through new ones.
  // `noticed` once a client gave one up. With EndSilence the old ones break and new ones are whole.
  virtual void Silence() {}
  virtual bool noticed() { return true; }
  virtual void EndSilence() {}
  // Whether a test leaves its queues behind it, to end with the server.
  virtual bool leaves_queues() const { return false; }
  // Puts bytes that are no message into the queue, behind the transport's back. False: there is no way to.
  virtual bool PutGarbage(const std::string& /*queue*/, const std::string& /*bytes*/) { return false; }
};

class Case {
 public:
  using Make = std::function<std::unique_ptr<TransportEnvironment>()>;
  Case(std::string name_, Features features_, Make make_)
      : name(std::move(name_)), features(features_), make(std::move(make_)) {}
  std::string name;
  Features features;
  Make make;
};

inline std::string CaseName(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }
inline void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

// The sizes of `./dev test --full`.
inline bool FullSizes() {
  const char* const full = std::getenv("TIDINGS_TEST_FULL");
  return full && std::string_view(full) == "1";
}

}  // namespace tidings::messaging::testing
