#include "fault_proxy.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <limits>
#include <list>
#include <thread>

#include <tidings/base/guarded.hpp>
#include <tidings/messaging/servers/free_port.hpp>

namespace tidings::messaging::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Of a long chunk so many bytes at its begin and its end are written singly.
constexpr std::size_t kSingly = 2'048;

// Both ends of one connection.
class Pair {
 public:
  explicit Pair(tcp::socket client_) : client(std::move(client_)), server(client.get_executor()) {}
  void Reset() {
    for (tcp::socket* socket : {&client, &server}) {
      ErrorCode ignored;
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
  }
  tcp::socket client;
  tcp::socket server;
};

}  // namespace

class FaultProxy::Core {
 public:
  explicit Core(std::uint16_t server_port) : server_port_(server_port), acceptor_(context_) {
    Listen();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Core() {
    context_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return port_.number(); }
  void Set(Faults faults) { *faults_.Lock() = faults; }
  void CutAfter(std::uint64_t bytes) { cut_after_ = to_server_ + bytes; }
  void Cut() {
    Do([this] { ResetAll(); });
  }
  void Refuse(bool refuse) {
    Do([this, refuse] {
      if (!refuse && !acceptor_.is_open()) Listen();
      if (refuse) acceptor_.close();
    });
  }
  std::uint64_t to_server() const { return to_server_; }
  std::uint64_t to_client() const { return to_client_; }
  std::uint64_t connections() const { return connections_; }
  std::uint64_t open() const { return open_; }

 private:
  // In the proxy's thread, waited for.
  template <class Action>
  void Do(Action action) {
    std::packaged_task<void()> task(std::move(action));
    auto done = task.get_future();
    asio::post(context_, std::move(task));
    done.get();
  }

  void Listen() {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port_.number());
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    asio::co_spawn(context_, Accept(), asio::detached);
  }

  asio::awaitable<void> Accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
      if (error) continue;
      ++connections_;
      asio::co_spawn(context_, Serve(std::make_shared<Pair>(std::move(socket))), asio::detached);
    }
  }

  asio::awaitable<void> Serve(std::shared_ptr<Pair> pair) {
    const tcp::endpoint server(asio::ip::address_v4::loopback(), server_port_);
    auto [error] = co_await pair->server.async_connect(server, kAwait);
    if (error) {
      pair->Reset();
      co_return;
    }
    ErrorCode ignored;
    pair->client.set_option(tcp::no_delay(true), ignored);
    pair->server.set_option(tcp::no_delay(true), ignored);
    pair->client.non_blocking(true, ignored);
    pair->server.non_blocking(true, ignored);
    std::erase_if(pairs_, [](const std::weak_ptr<Pair>& ended) { return ended.expired(); });
    pairs_.push_back(pair);
    ++open_;
    // Open until both directions have ended.
    const std::shared_ptr<void> counted(nullptr, [this](void*) { --open_; });
    asio::co_spawn(context_, Pump(pair, pair->client, pair->server, true, counted), asio::detached);
    asio::co_spawn(context_, Pump(pair, pair->server, pair->client, false, counted), asio::detached);
  }

  asio::awaitable<void> Pump(std::shared_ptr<Pair> pair, tcp::socket& from, tcp::socket& to, bool to_server,
                             std::shared_ptr<void>) {
    const auto buffer = std::make_unique<std::array<char, 65'536>>();
    asio::steady_timer timer(context_);
    for (;;) {
      const std::size_t most = Settings().rate() > 0 ? 1'024 : buffer->size();
      auto [error, size] = co_await from.async_read_some(asio::buffer(buffer->data(), most), kAwait);
      if (error == asio::error::eof) {
        ErrorCode ignored;
        to.shutdown(tcp::socket::shutdown_send, ignored);
        co_return;
      }
      if (error) break;
      const Faults faults = Settings();
      auto pause = faults.delay();
      if (faults.rate() > 0) pause += std::chrono::milliseconds(1'000 * size / faults.rate());
      if (pause.count() > 0) {
        timer.expires_after(pause);
        co_await timer.async_wait(kAwait);
      }
      if (faults.swallows(to_server)) continue;
      for (std::size_t sent = 0; sent < size;) {
        const std::size_t left = size - sent;
        std::size_t piece = left;
        if (faults.one_byte()) piece = sent < kSingly || left <= kSingly ? 1 : left - kSingly;
        if (to_server) piece = std::min<std::uint64_t>(piece, cut_after_ - to_server_);
        if (piece > 0 && !co_await Pass(to, asio::buffer(buffer->data() + sent, piece))) break;
        sent += piece;
        (to_server ? to_server_ : to_client_) += piece;
        if (to_server && to_server_ >= cut_after_) {
          cut_after_ = std::numeric_limits<std::uint64_t>::max();
          ResetAll();
          co_return;
        }
      }
    }
    pair->Reset();
  }

  // Without a turn of the loop where the socket takes it at once: single bytes would take too long.
  static asio::awaitable<bool> Pass(tcp::socket& to, asio::const_buffer bytes) {
    ErrorCode error;
    const std::size_t written = to.write_some(bytes, error);
    if (!error && written == bytes.size()) co_return true;
    if (error && error != asio::error::would_block) co_return false;
    const auto rest = co_await asio::async_write(to, bytes + written, kAwait);
    co_return !std::get<0>(rest);
  }

  void ResetAll() {
    for (const auto& held : pairs_) {
      if (const auto pair = held.lock()) pair->Reset();
    }
    pairs_.clear();
  }

  Faults Settings() { return *faults_.Lock(); }

  const std::uint16_t server_port_;
  servers::FreePort port_;
  asio::io_context context_;
  // While connections are refused there may be nothing else to do.
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  tcp::acceptor acceptor_;
  std::list<std::weak_ptr<Pair>> pairs_;
  Guarded<Faults> faults_;
  std::atomic<std::uint64_t> to_server_{0};
  std::atomic<std::uint64_t> to_client_{0};
  std::atomic<std::uint64_t> cut_after_{std::numeric_limits<std::uint64_t>::max()};
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> open_{0};
  std::thread thread_;
};

FaultProxy::FaultProxy(std::uint16_t server_port) : core_(std::make_unique<Core>(server_port)) {}
FaultProxy::~FaultProxy() = default;
std::uint16_t FaultProxy::port() const { return core_->port(); }
void FaultProxy::Set(Faults faults) { core_->Set(faults); }
void FaultProxy::Cut() { core_->Cut(); }
void FaultProxy::CutAfter(std::uint64_t bytes_to_server) { core_->CutAfter(bytes_to_server); }
void FaultProxy::Refuse(bool refuse) { core_->Refuse(refuse); }
std::uint64_t FaultProxy::bytes_to_server() const { return core_->to_server(); }
std::uint64_t FaultProxy::bytes_to_client() const { return core_->to_client(); }
std::uint64_t FaultProxy::connections() const { return core_->connections(); }
std::uint64_t FaultProxy::open() const { return core_->open(); }

}  // namespace tidings::messaging::testing
