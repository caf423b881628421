// GatheredReads: reads of a socket on which much comes in small pieces, so that a piece costs no wake-up of its own.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>

namespace tidings::messaging::rabbitmq {

// What a read may wait while so many messages are under way: 2 us for each of them, `most` at most, nothing for few.
std::chrono::microseconds PauseFor(std::size_t under_way, std::chrono::microseconds most);

class GatheredReads {
 public:
  using Done = std::move_only_function<void(const boost::system::error_code&, std::size_t)>;

  // REQUIRES: `socket` outlives this, and nobody else reads from it while a Read is under way.
  explicit GatheredReads(boost::asio::ip::tcp::socket& socket) : socket_(socket), timer_(socket.get_executor()) {}

  // Reads some, as async_read_some, but looks only after `pause` for what came (0: as soon as something comes). The process
  // is not woken meanwhile. `into` lives until `done` is called. One at a time.
  void Read(char* into, std::size_t size, std::chrono::microseconds pause, Done done);
  // Ends a pause. The socket is closed before or after.
  void Close() { timer_.cancel(); }

 private:
  void ReadNow(char* into, std::size_t size, Done done);
  void ReadNext(char* into, std::size_t size, Done done);
  void WakeAt(int bytes);

  boost::asio::ip::tcp::socket& socket_;
  boost::asio::steady_timer timer_;
  int wake_at_ = 1;
};

}  // namespace tidings::messaging::rabbitmq
