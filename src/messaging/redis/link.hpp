// Link: one connection to a Redis, from connect to close.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <optional>
#include <string>
#include <vector>

#include <tidings/messaging/redis/redis_url.hpp>
#include <tidings/messaging/task.hpp>

#include "resp.hpp"

namespace tidings::redis {

using messaging::Executor;
using messaging::Task;

// What an error that Redis answered means to us; `text` begins with its code word.
Error ErrorOf(std::string_view text);
// Whether it says that this server cannot serve now, and another connection or a later time might: READONLY, LOADING,
// BUSY, too many clients.
bool IsTransient(std::string_view text);

class Link {
 public:
  explicit Link(const Executor& executor) : resolver_(executor), socket_(executor) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Connects, signs in, chooses the database, and asks whether the server is ready (it may be loading its data).
  Task<Status> Open(RedisUrl url);
  // The command's answer. REQUIRES: no other is awaited. The value is valid until the next call.
  Task<Result<Value>> Ask(Arguments arguments);

  // REQUIRES: the bytes live until it returns; one Write at a time.
  Task<Status> Write(std::vector<boost::asio::const_buffer> bytes);
  // The next answer that has come whole; nothing if more has to be read. Valid until the next call.
  Result<std::optional<Value>> Take();
  // Reads more.
  Task<Status> Fill();

  // Ends what waits on it, and all that comes after, with kUnavailable.
  void Close();

 private:
  Status Lost(const boost::system::error_code& error);
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  std::vector<char> input_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  ReplyParser parser_;
  bool taken_ = false;
  bool closed_ = false;
  RedisUrl url_;
};

}  // namespace tidings::redis
