#include "stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <utility>

#include "gathered_reads.hpp"
#include "tls_stream.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

class TcpStream final : public Stream {
 public:
  explicit TcpStream(tcp::socket socket) : socket_(std::move(socket)), reads_(socket_) {}
  void Read(char* into, std::size_t size, std::chrono::microseconds pause, Done done) override {
    reads_.Read(into, size, pause, std::move(done));
  }
  void Write(std::string_view bytes, Done done) override {
    asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), std::move(done));
  }
  void WriteNow(std::string_view bytes) override {
    boost::system::error_code failed;
    socket_.non_blocking(true, failed);
    if (!failed) socket_.write_some(asio::buffer(bytes.data(), bytes.size()), failed);
  }
  void Close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
    reads_.Close();
  }

 private:
  tcp::socket socket_;
  GatheredReads reads_;
};

std::unexpected<Error> Unreachable(const Url& url, const std::string& why) {
  return Fail(ErrorCode::kUnavailable, "cannot connect to " + url.Shown() + ": " + why);
}

}  // namespace

Task<Result<std::shared_ptr<Stream>>> Connect(Executor executor, Timers& timers, const Url& url,
                                              std::chrono::milliseconds timeout) {
  tcp::resolver resolver(executor);
  tcp::socket socket(executor);
  bool late = false;
  std::function<void()> stop = [&] {
    resolver.cancel();
    boost::system::error_code ignored;
    socket.close(ignored);
  };
  const Alarm alarm = timers.Set(timeout, [&] {
    late = true;
    stop();
  });
  const std::string late_text = "no answer within " + std::to_string(timeout.count()) + " ms";

  const auto [unresolved, addresses] = co_await resolver.async_resolve(url.host, std::to_string(url.port), kAsTuple);
  if (late) co_return Unreachable(url, late_text);
  if (unresolved) co_return Unreachable(url, unresolved.message());
  const auto [unconnected, address] = co_await asio::async_connect(socket, addresses, kAsTuple);
  if (late) co_return Unreachable(url, late_text);
  if (unconnected) co_return Unreachable(url, unconnected.message());
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (!url.tls) co_return std::make_shared<TcpStream>(std::move(socket));

  auto stream = co_await Encrypt(std::move(socket), url, stop);
  if (late) co_return Unreachable(url, late_text);
  if (!stream) co_return Unreachable(url, stream.error().message());
  co_return stream;
}

}  // namespace tidings::messaging::rabbitmq
