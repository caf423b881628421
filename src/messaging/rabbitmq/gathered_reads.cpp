#include "gathered_reads.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>

#include <algorithm>
#include <utility>

namespace tidings::messaging::rabbitmq {
namespace {

namespace asio = boost::asio;

// More than comes in a pause; the kernel takes half of the largest buffer that it would give.
constexpr int kNever = 16 * 1024 * 1024;

// From here on a pause costs less than what it gathers.
constexpr std::size_t kMany = 64;

}  // namespace

std::chrono::microseconds PauseFor(std::size_t under_way, std::chrono::microseconds most) {
  if (under_way < kMany) return std::chrono::microseconds(0);
  return std::min(std::chrono::microseconds(2 * under_way), most);
}

void GatheredReads::Read(char* into, std::size_t size, std::chrono::microseconds pause, Done done) {
  if (pause.count() <= 0) return ReadNext(into, size, std::move(done));
  WakeAt(kNever);
  timer_.expires_after(pause);
  timer_.async_wait([this, into, size, done = std::move(done)](const boost::system::error_code& ended) mutable {
    if (ended) return done(ended, 0);
    ReadNow(into, size, std::move(done));
  });
}

void GatheredReads::ReadNow(char* into, std::size_t size, Done done) {
  boost::system::error_code failed;
  socket_.non_blocking(true, failed);
  std::size_t count = 0;
  if (!failed) count = socket_.read_some(asio::buffer(into, size), failed);
  if (failed == asio::error::would_block || failed == asio::error::try_again) {
    return ReadNext(into, size, std::move(done));
  }
  done(failed, count);
}

void GatheredReads::ReadNext(char* into, std::size_t size, Done done) {
  WakeAt(1);
  socket_.async_read_some(asio::buffer(into, size), std::move(done));
}

// The kernel says at once that there is something if there is, so nothing is missed by lowering it.
void GatheredReads::WakeAt(int bytes) {
  if (std::exchange(wake_at_, bytes) == bytes) return;
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::receive_low_watermark(bytes), ignored);
}

}  // namespace tidings::messaging::rabbitmq
