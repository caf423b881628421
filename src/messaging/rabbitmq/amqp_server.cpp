#include <tidings/messaging/rabbitmq/amqp_server.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <atomic>
#include <list>
#include <utility>

#include <tidings/base/log.hpp>
#include <tidings/messaging/signal.hpp>

#include "server_session.hpp"
#include "server_state.hpp"

namespace tidings::messaging {

namespace asio = boost::asio;
using asio::ip::tcp;
using rabbitmq::ServerSession;
using rabbitmq::ServerState;

namespace {

using namespace std::chrono_literals;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBuffer = 64 * 1024;
// For what a session said last.
constexpr std::chrono::milliseconds kLastWrite = 2s;
// Where no more files may be opened, say.
constexpr std::chrono::milliseconds kPauseAfterFailure = 100ms;

// A client's socket.
class Peer final : public rabbitmq::SessionHost, public std::enable_shared_from_this<Peer> {
 public:
  Peer(const std::shared_ptr<ServerState>& state, tcp::socket socket, std::string name)
      : state_(state),
        socket_(std::move(socket)),
        written_(state->executor),
        session_(std::make_shared<ServerSession>(state, *this, std::move(name))) {}

  void Dismiss(std::string_view why) { session_->Dismiss(why); }

  bool logged_in() const { return session_->logged_in(); }
  bool ended() const { return session_->ended(); }

  Task<void> Run() {
    const auto self = shared_from_this();
    session_->Start();
    std::string buffer(kReadBuffer, '\0');
    while (!session_->ended()) {
      co_await session_->Room();
      const auto [failed, count] = co_await socket_.async_read_some(asio::buffer(buffer), kAsTuple);
      if (failed) break;
      session_->Receive(std::string_view(buffer).substr(0, count));
    }
    const Millis until = state_->timers.Steady() + kLastWrite.count();
    Write();
    while (writing_ && state_->timers.Steady() < until) {
      co_await written_.WaitFor(state_->timers, std::chrono::milliseconds(until - state_->timers.Steady()));
    }
    broken_ = true;
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    co_await session_->End();
  }

  void OnOutput() override {
    if (std::exchange(flushing_, true)) return;
    asio::post(state_->executor, [self = shared_from_this()] {
      self->flushing_ = false;
      self->Write();
      if (self->session_->ended()) self->Leave();
    });
  }

 private:
  // A session that has ended waits for no more bytes, and only a moment for a client that does not read.
  void Leave() {
    boost::system::error_code ignored;
    if (!writing_) {
      socket_.cancel(ignored);
    } else if (!std::exchange(leaving_, true)) {
      last_ = state_->timers.Set(kLastWrite, [this] {
        boost::system::error_code failed;
        socket_.close(failed);
      });
    }
  }

  void Write() {
    if (writing_ || broken_ || session_->unsent() == 0) return;
    writing_ = true;
    buffer_ = session_->TakeOutput();
    asio::async_write(socket_, asio::buffer(buffer_),
                      [self = shared_from_this()](const boost::system::error_code& failed, std::size_t) {
                        self->writing_ = false;
                        self->broken_ = self->broken_ || failed;
                        // Who takes nothing any more hears nothing either, and what it holds goes back.
                        if (failed) self->session_->Break();
                        self->session_->OnWritten();
                        self->Write();
                        if (!self->writing_) self->written_.NotifyAll();
                        if (self->broken_ || self->session_->ended()) self->Leave();
                      });
  }

  const std::shared_ptr<ServerState> state_;
  tcp::socket socket_;
  Signal written_;
  const std::shared_ptr<ServerSession> session_;
  std::string buffer_;
  bool flushing_ = false;
  bool writing_ = false;
  bool broken_ = false;
  bool leaving_ = false;
  Alarm last_;
};

}  // namespace

class AmqpServer::State : public std::enable_shared_from_this<AmqpServer::State> {
 public:
  State(Executor executor, Timers& timers, Open open, AmqpServerOptions options)
      : shared_(std::make_shared<ServerState>(std::move(executor), timers, std::move(open), std::move(options))),
        acceptor_(shared_->executor),
        gone_(shared_->executor) {}

  Status Listen();
  void Start();
  Task<void> Stop(std::chrono::milliseconds within);
  void StopNow();
  std::uint16_t port() const { return port_; }
  std::size_t connections() const { return count_.load(std::memory_order_relaxed); }

 private:
  Task<void> Accept();
  bool MakeRoom();
  Task<void> Serve(std::shared_ptr<Peer> peer);

  const std::shared_ptr<ServerState> shared_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  std::list<std::shared_ptr<Peer>> peers_;
  std::atomic<std::size_t> count_ = 0;
  Signal gone_;
};

Status AmqpServer::State::Listen() {
  const AmqpServerOptions& options = shared_->options;
  const std::string where = options.address + ":" + std::to_string(options.port);
  if (options.password.empty()) return Fail(ErrorCode::kInvalid, "AMQP on " + where + " has no password; set one");
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(options.address, failed);
  if (failed) return Fail(ErrorCode::kInvalid, options.address + " is no address of this machine to listen on");
  const tcp::endpoint endpoint(address, options.port);
  const auto step = [&](auto&& call) {
    if (!failed) call();
  };
  step([&] { acceptor_.open(endpoint.protocol(), failed); });
  step([&] { acceptor_.set_option(tcp::acceptor::reuse_address(true), failed); });
  step([&] { acceptor_.bind(endpoint, failed); });
  step([&] { acceptor_.listen(asio::socket_base::max_listen_connections, failed); });
  if (failed) return Fail(ErrorCode::kUnavailable, "cannot listen for AMQP on " + where + ": " + failed.message());
  port_ = acceptor_.local_endpoint(failed).port();
  return {};
}

void AmqpServer::State::Start() {
  asio::co_spawn(
      shared_->executor, [](std::shared_ptr<State> self) -> Task<void> { co_await self->Accept(); }(shared_from_this()),
      asio::detached);
}

Task<void> AmqpServer::State::Accept() {
  while (!stopping_) {
    tcp::socket socket(shared_->executor);
    const auto [failed] = co_await acceptor_.async_accept(socket, kAsTuple);
    if (stopping_) co_return;
    if (failed) {
      log::Warning("amqp_accept_failed", {{"reason", failed.message()}});
      co_await shared_->timers.Sleep(kPauseAfterFailure);
      continue;
    }
    boost::system::error_code ignored;
    const auto remote = socket.remote_endpoint(ignored);
    const std::string name = remote.address().to_string(ignored) + ":" + std::to_string(remote.port());
    if (!MakeRoom()) {
      shared_->Refused(name, "", "there are too many connections");
      continue;
    }
    socket.set_option(tcp::no_delay(true), ignored);
    // Whoever agreed on no heartbeats may vanish without a word.
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const auto peer = std::make_shared<Peer>(shared_, std::move(socket), name);
    peers_.push_back(peer);
    count_ = peers_.size();
    asio::co_spawn(
        shared_->executor,
        [](std::shared_ptr<State> self, std::shared_ptr<Peer> served) -> Task<void> {
          co_await self->Serve(std::move(served));
        }(shared_from_this(), peer),
        asio::detached);
  }
}

// Those who have not logged in hold no more than a quarter of the places, and the one that has waited longest goes first:
// nobody keeps others out by waiting.
bool AmqpServer::State::MakeRoom() {
  std::size_t waiting = 0;
  std::shared_ptr<Peer> longest;
  for (const auto& peer : peers_) {
    if (peer->logged_in() || peer->ended()) continue;
    ++waiting;
    if (!longest) longest = peer;
  }
  const std::size_t most = shared_->options.most_connections;
  const bool full = peers_.size() >= most;
  if (longest && (full || waiting >= std::max<std::size_t>(most / 4, 1))) {
    shared_->Refused("", "", "others came before it logged in");
    longest->Dismiss("others came before it logged in");
  }
  // The one that goes is counted for a moment still.
  return peers_.size() < most + (longest ? most / 4 : 0);
}

Task<void> AmqpServer::State::Serve(std::shared_ptr<Peer> peer) {
  co_await peer->Run();
  peers_.remove(peer);
  count_ = peers_.size();
  gone_.NotifyAll();
}

void AmqpServer::State::StopNow() {
  stopping_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const auto& peer : peers_) peer->Dismiss("the server is shutting down");
}

Task<void> AmqpServer::State::Stop(std::chrono::milliseconds within) {
  const auto self = shared_from_this();
  StopNow();
  const Millis until = shared_->timers.Steady() + within.count();
  while (!peers_.empty() && shared_->timers.Steady() < until) {
    co_await gone_.WaitFor(shared_->timers, std::chrono::milliseconds(until - shared_->timers.Steady()));
  }
}

AmqpServer::AmqpServer(Executor executor, Timers& timers, Open open, AmqpServerOptions options)
    : state_(std::make_shared<State>(std::move(executor), timers, std::move(open), std::move(options))) {}
AmqpServer::~AmqpServer() { state_->StopNow(); }
Status AmqpServer::Listen() { return state_->Listen(); }
void AmqpServer::Start() { state_->Start(); }
std::uint16_t AmqpServer::port() const { return state_->port(); }
std::size_t AmqpServer::connections() const { return state_->connections(); }
Task<void> AmqpServer::Stop(std::chrono::milliseconds within) { return state_->Stop(within); }

}  // namespace tidings::messaging
