// ServerSession: one client's connection as the server sees it, without the socket: bytes in, bytes out, channels in between.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

#include "frame.hpp"
#include "server_methods.hpp"
#include "server_state.hpp"

namespace tidings::messaging::rabbitmq {

class ServerChannel;

// Whoever carries the bytes.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // There is something to be sent, or the session has ended.
  virtual void OnOutput() = 0;
};

class ServerSession : public std::enable_shared_from_this<ServerSession> {
 public:
  // `host` outlives the session's End.
  ServerSession(std::shared_ptr<ServerState> state, SessionHost& host, std::string peer);

  // Begins to watch the time.
  void Start();
  void Receive(std::string_view bytes);
  // Nothing is received any more; what is to be sent still goes out.
  bool ended() const { return phase_ == Phase::kEnded; }
  bool logged_in() const { return transport_ != nullptr; }

  // What is to be sent next, taken away. The host says when it is written.
  std::string TakeOutput();
  void OnWritten();
  // Nothing can be sent any more.
  void Break() { Finish(); }

  // It holds so much of what came that no more is to be read before Room.
  bool congested() const;
  Task<void> Room();

  // Says goodbye, for a server that stops.
  void Dismiss(std::string_view why);
  // Once: settles what was asked for, gives back the rest, closes the transport. Ends within some seconds.
  Task<void> End();

  // For channels.
  ServerState& state() { return *state_; }
  Transport& transport() { return *transport_; }
  std::string& out() { return out_; }
  void Flush() {
    if (host_ != nullptr) host_->OnOutput();
  }
  std::size_t frame_max() const { return frame_max_; }
  bool takes_cancel() const { return takes_cancel_; }
  std::size_t unsent() const { return out_.size() + writing_; }
  // Wakes when there is less to do, or to send, or in hand, than before.
  Signal& changed() { return changed_; }
  // Its channels do what they are asked for.
  bool running() const { return phase_ == Phase::kRunning || phase_ == Phase::kLeaving; }
  void Hold(std::size_t bytes) { held_ += bytes; }
  void Release(std::size_t bytes);
  // A content that begins, by the size that it claims, and its end. False: there are too many of them.
  bool Begin(std::uint64_t body);
  void FinishContent(std::uint64_t body) { begun_ -= body; }
  // One more consumer, or queue; false: it has as many as it may.
  bool AddConsumer();
  void RemoveConsumer() { --consumers_; }
  bool AddQueue();
  // Bytes of messages that were handed to the client and are not settled.
  std::size_t handed() const { return handed_; }
  void HandOut(std::size_t bytes) { handed_ += bytes; }
  void TakeBack(std::size_t bytes);
  void Remove(std::uint16_t channel);
  // connection.close with this reason; only close-ok is waited for, a moment.
  void Abort(const Refusal& refusal, Method method);

 private:
  enum class Phase { kHeader, kStart, kTune, kOpen, kRunning, kLeaving, kClosing, kEnded };

  void OnFrame(const Frame& frame);
  void OnConnectionMethod(Method method, std::string_view payload);
  void OnChannelFrame(const Frame& frame);
  void OnStartOk(std::string_view payload);
  void OnTuneOk(std::string_view payload);
  void OnOpen(std::string_view payload);
  void Leave();
  void Finish();
  void Beat();
  // Until the channels have done what they were asked for, and no longer than this.
  Task<void> Settled(std::chrono::milliseconds within);
  bool busy() const;

  const std::shared_ptr<ServerState> state_;
  SessionHost* host_;  // null once it has ended
  const std::string peer_;
  Phase phase_ = Phase::kHeader;
  bool late_ = false;  // a wrong password is answered in a while
  bool deaf_ = false;  // what comes cannot be read any more
  std::string in_;
  std::string out_;
  std::size_t writing_ = 0;
  std::size_t held_ = 0;
  std::size_t handed_ = 0;
  std::uint64_t begun_ = 0;
  std::size_t consumers_ = 0;
  std::size_t queues_ = 0;  // made here so far
  Signal changed_;
  std::unique_ptr<Transport> transport_;
  std::string product_;
  bool takes_cancel_ = false;
  bool closes_on_refusal_ = false;
  std::size_t frame_max_ = kLeastFrameMax;
  std::uint16_t channel_max_ = 0;
  std::map<std::uint16_t, std::shared_ptr<ServerChannel>> channels_;
  Alarm deadline_;
  std::chrono::milliseconds beat_{0};
  Alarm beat_alarm_;
  int silent_beats_ = 0;  // in which it neither said nor took anything
  bool wrote_ = false;
};

}  // namespace tidings::messaging::rabbitmq
