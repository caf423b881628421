// What a listener counts. Written on the loop's thread, read from any.
#pragma once

#include <atomic>
#include <cstdint>

namespace tidings::net {

// A number that one thread changes and others read: no locked instructions.
class Counter {
 public:
  void Add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void Subtract(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
  }
  std::uint64_t Get() const { return value_.load(std::memory_order_relaxed); }
  operator std::uint64_t() const { return Get(); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct ServerStats {
  // Now.
  Counter connections_open;
  Counter websockets_open;
  Counter requests_in_flight;
  Counter input_held;   // bytes of requests and messages that are not whole yet
  Counter output_held;  // bytes of answers that are not written yet

  // Since the start.
  Counter accepted;
  Counter refused_total;        // over max_connections
  Counter refused_address;      // over max_connections_per_address
  Counter refused_descriptors;  // the process has no file descriptor left; accepting paused
  Counter refused_proxy;        // no or bad PROXY header, or from an address that is not trusted
  Counter tls_failed;           // handshakes
  Counter timed_out_request;    // nothing, or a part of a request, came in time
  Counter timed_out_idle;
  Counter timed_out_stalled;    // output did not move and the peer was silent
  Counter timed_out_closing;
  Counter shed_stalled;         // cut since answers that nobody read took too much memory

  Counter bytes_in;             // as the application sees them, before TLS
  Counter bytes_out;
  Counter writes;               // system calls or io_uring entries that wrote
  Counter batches;              // io_uring submissions that wrote
  Counter read_batches;         // and that read
  Counter frames_out;           // WebSocket data frames
  Counter short_writes;         // the kernel's buffer was full

  Counter requests;
  Counter bad_requests;  // refused by the listener itself
  Counter answers_1xx_3xx;
  Counter answers_4xx;
  Counter answers_5xx;

  Counter websockets;        // opened
  Counter messages_in;
  Counter websocket_errors;  // ended by the listener for a broken rule (1002, 1007, 1008, 1009)
  Counter handed_over;       // to other loops
};

}  // namespace tidings::net
