// HttpEndpoint: an HTTP server of a test's own, which counts what it is asked and answers all of it alike.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstddef>
#include <memory>
#include <string>

#include <tidings/base/bytes.hpp>
#include <tidings/messaging/task.hpp>

namespace tidings::app {

// Belongs to the context's thread.
class HttpEndpoint {
 public:
  explicit HttpEndpoint(boost::asio::io_context& context) : state_(std::make_shared<State>(context)) {
    boost::asio::co_spawn(context, Serve(state_), boost::asio::detached);
  }
  std::string Url() const {
    return "http://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port()) + "/hook";
  }
  std::size_t asked() const { return state_->asked; }
  // The status line's end, and header lines: "503 Busy\r\nRetry-After: 7\r\n".
  void Answer(std::string answer) { state_->answer = std::move(answer); }

 private:
  using Tcp = boost::asio::ip::tcp;
  class State {
   public:
    explicit State(boost::asio::io_context& context)
        : acceptor(context, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {}
    Tcp::acceptor acceptor;
    std::string answer = "200 OK\r\n";
    std::size_t asked = 0;
  };

  static messaging::Task<void> Serve(std::shared_ptr<State> state) {
    for (;;) {
      Tcp::socket peer = co_await state->acceptor.async_accept(boost::asio::use_awaitable);
      try {
        co_await AnswerOne(*state, peer);
      } catch (const boost::system::system_error&) {
        // Whoever asked has gone.
      }
    }
  }
  static messaging::Task<void> AnswerOne(State& state, Tcp::socket& peer) {
    constexpr std::string_view kLength = "content-length: ";
    std::string request;
    const std::size_t head = co_await boost::asio::async_read_until(peer, boost::asio::dynamic_buffer(request),
                                                                    "\r\n\r\n", boost::asio::use_awaitable);
    std::string lower = request.substr(0, head);
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
    const std::size_t at = lower.find(kLength) + kLength.size();
    const std::size_t whole = head + ParseWhole(lower.substr(at, lower.find('\r', at) - at)).value_or(0);
    if (whole > request.size()) {
      co_await boost::asio::async_read(peer, boost::asio::dynamic_buffer(request),
                                       boost::asio::transfer_exactly(whole - request.size()),
                                       boost::asio::use_awaitable);
    }
    ++state.asked;
    const std::string answer = "HTTP/1.1 " + state.answer + "Content-Length: 0\r\nConnection: close\r\n\r\n";
    co_await boost::asio::async_write(peer, boost::asio::buffer(answer), boost::asio::use_awaitable);
  }

  std::shared_ptr<State> state_;
};

}  // namespace tidings::app
