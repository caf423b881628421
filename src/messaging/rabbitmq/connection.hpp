// Connection: one AMQP connection with its channels, from the handshake to its end. It does not come back: see Link.
//
// What is to be sent is appended to out() and goes out in one write at the end of the executor's turn, or with what comes
// after while another write is under way.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "frame.hpp"
#include "load.hpp"
#include "methods.hpp"
#include "stream.hpp"
#include "url.hpp"

namespace tidings::messaging::rabbitmq {

// What a channel tells its owner, in the order in which it arrived. Nothing comes after OnClosed.
class ChannelHandler {
 public:
  virtual ~ChannelHandler() = default;
  // basic.deliver or basic.return; its body may be moved out.
  virtual void OnContent(Content&) {}
  virtual void OnConfirm(const Confirm&, bool /*accepted*/) {}
  // The broker ended the consumer: its queue is gone, or its leader moved.
  virtual void OnCancelled() {}
  // `exception`: the broker closed this channel alone; null: the connection ended.
  virtual void OnClosed(const Error&, const CloseReason* /*exception*/) {}
};

// Told of what concerns a whole connection.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // It was blocked or unblocked, or less waits to be sent than before.
  virtual void OnRoom() = 0;
};

// The answer to a call.
class Reply {
 public:
  Method method{};
  std::string payload;  // after class and method
  // basic.get-ok: its content.
  std::string properties;
  std::string body;
  bool too_large = false;
};

class ConnectionOptions {
 public:
  std::string name = "tidings";              // shown by the broker's tools
  std::uint16_t heartbeat = 10;              // seconds; a peer that is silent for two of them is dead; 0: none
  std::chrono::milliseconds connect{5'000};  // from the name's resolution to connection.open-ok
  std::chrono::milliseconds call{10'000};    // for an answer; after that the connection is given up
  // RabbitMQ's default for the largest message. What is larger arrives without its body.
  std::size_t most_body = 128 * 1024 * 1024;
  // What is under way says how long a read may wait for more.
  std::shared_ptr<Load> load = std::make_shared<Load>(std::chrono::microseconds(0));
};

class Channel;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // kUnauthorized: wrong user or password; kForbidden: no such vhost, or not for this user; else kUnavailable.
  static Task<Result<std::shared_ptr<Connection>>> Open(Executor executor, Timers& timers, const Url& url,
                                                        const ConnectionOptions& options);
  ~Connection();

  bool open() const { return !error_; }
  // The broker takes no messages for now (connection.blocked): it has no memory or disk left.
  bool blocked() const { return blocked_; }
  const std::string& blocked_reason() const { return blocked_reason_; }
  std::size_t frame_max() const { return frame_max_; }
  const std::string& server_version() const { return version_; }

  std::string& out() { return out_; }
  void Flush();
  std::size_t unsent() const { return out_.size() + writing_.size(); }
  // At most one; null takes it back.
  void Watch(ConnectionHandler* handler) { handler_ = handler; }

  // `handler` may be null, and outlives the channel otherwise.
  Task<Result<std::unique_ptr<Channel>>> OpenChannel(ChannelHandler* handler);
  // Waits until it has ended; at once if it has.
  Task<void> Ended();
  const Error& error() const { return *error_; }
  // Says goodbye, waits a moment for the answer, and ends.
  Task<void> Close();
  // Ends it at once: its channels hear of it. What was appended in this turn, acknowledgements say, goes out as far as the
  // socket takes it.
  void Abort(Error error);

 private:
  friend class Channel;
  class Waiter;
  class ChannelState;

  Connection(Executor executor, Timers& timers, const ConnectionOptions& options);
  Task<Status> Handshake(const Url& url);
  void Read(std::chrono::microseconds pause);
  void OnBytes(std::size_t count);
  bool OnFrame(const Frame& frame);
  bool OnConnectionMethod(Method method, std::string_view payload);
  bool OnChannelMethod(std::uint16_t number, ChannelState& channel, Method method, std::string_view payload);
  bool OnContentStep(ChannelState& channel, Content::Step step);
  void OnChannelException(std::uint16_t number, std::string_view payload);
  void Answer(ChannelState& channel, Reply reply);
  void Write();
  void Beat();
  Task<Result<Reply>> Expect(std::shared_ptr<ChannelState> channel, Method first, Method second);
  Error Broken(std::string_view what) const;
  void Release(std::uint16_t number);

  Executor executor_;
  Timers& timers_;
  ConnectionOptions options_;
  std::string peer_;
  std::string version_;
  std::shared_ptr<Stream> stream_;
  std::optional<Error> error_;
  Signal ended_;
  ConnectionHandler* handler_ = nullptr;

  std::vector<char> in_;
  std::size_t in_size_ = 0;
  std::string out_;
  std::string writing_;
  bool flushing_ = false;

  std::size_t frame_max_ = kLeastFrameMax;
  std::uint16_t channel_max_ = 1;
  // By number; [0] is the connection's own.
  std::vector<std::shared_ptr<ChannelState>> channels_;

  bool blocked_ = false;
  std::string blocked_reason_;
  std::chrono::milliseconds beat_{0};
  Alarm beat_alarm_;
  int silent_beats_ = 0;
  bool wrote_ = false;
};

// A channel; closed with this object. After an exception of the broker it is dead: make a new one.
class Channel {
 public:
  Channel(std::shared_ptr<Connection> connection, std::uint16_t number);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  std::uint16_t number() const { return number_; }
  bool open() const;
  // Its handler hears no more of it.
  void Detach();
  Connection& connection() { return *connection_; }
  std::string& out() { return connection_->out(); }
  void Flush() { connection_->Flush(); }
  // Awaited in the turn in which the call was appended to out(): its answer, one of the two. Answers come in the order of
  // the calls. An exception of the broker comes as kNotFound (404), kForbidden (403), kConflict (405, 406) or kInternal.
  Task<Result<Reply>> Expect(Method first, Method second = Method{});

 private:
  std::shared_ptr<Connection> connection_;
  std::uint16_t number_;
  std::shared_ptr<Connection::ChannelState> state_;
};

// An exception of the broker as an error.
Error ErrorOf(const CloseReason& reason);

}  // namespace tidings::messaging::rabbitmq
