// The only file that knows OpenSSL.
#include "tls_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace tidings::messaging::rabbitmq {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// It outlives what is under way: each call's handler holds it.
class TlsStream final : public Stream, public std::enable_shared_from_this<TlsStream> {
 public:
  TlsStream(tcp::socket socket, asio::ssl::context context)
      : context_(std::move(context)), stream_(std::move(socket), context_) {}

  asio::ssl::stream<tcp::socket>& stream() { return stream_; }

  void Read(char* into, std::size_t size, std::chrono::microseconds, Done done) override {
    stream_.async_read_some(asio::buffer(into, size), Held(std::move(done)));
  }
  void Write(std::string_view bytes, Done done) override {
    asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()), Held(std::move(done)));
  }
  // A record cannot be written beside a read that is under way.
  void WriteNow(std::string_view) override {}
  void Close() override {
    boost::system::error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  Done Held(Done done) {
    return [self = shared_from_this(), done = std::move(done)](const boost::system::error_code& error,
                                                               std::size_t bytes) mutable { done(error, bytes); };
  }

  asio::ssl::context context_;
  asio::ssl::stream<tcp::socket> stream_;
};

Status Prepare(asio::ssl::context& context, const Url& url) {
  boost::system::error_code error;
  if (url.ca_file.empty()) {
    context.set_default_verify_paths(error);
  } else {
    context.load_verify_file(url.ca_file, error);
  }
  if (error)
    return Fail(ErrorCode::kInvalid, "the certificates to trust cannot be read" +
                                         (url.ca_file.empty() ? "" : " from " + url.ca_file) + ": " + error.message());
  return {};
}

}  // namespace

Task<Result<std::shared_ptr<Stream>>> Encrypt(tcp::socket socket, const Url& url, std::function<void()>& stop) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
  if (Status prepared = Prepare(context, url); !prepared) co_return std::unexpected(prepared.error());
  auto tls = std::make_shared<TlsStream>(std::move(socket), std::move(context));
  boost::system::error_code error;
  if (url.verify) {
    tls->stream().set_verify_mode(asio::ssl::verify_peer, error);
    tls->stream().set_verify_callback(asio::ssl::host_name_verification(url.host), error);
  }
  SSL_set_tlsext_host_name(tls->stream().native_handle(), url.host.c_str());
  stop = [weak = std::weak_ptr(tls)] {
    if (const auto held = weak.lock()) held->Close();
  };
  const auto [refused] =
      co_await tls->stream().async_handshake(asio::ssl::stream_base::client, asio::as_tuple(asio::use_awaitable));
  if (refused) co_return Fail(ErrorCode::kUnavailable, "the TLS handshake failed: " + refused.message());
  co_return tls;
}

}  // namespace tidings::messaging::rabbitmq
