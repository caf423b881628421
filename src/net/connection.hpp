// Connection: one accepted socket, with TLS or without: reads into the loop's buffer, keeps what its protocol has not
// taken, queues output and lets the Flusher write it at the turn's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <tidings/net/event_loop.hpp>
#include <tidings/realtime/frame.hpp>

#include "address.hpp"
#include "deadlines.hpp"
#include "protocol.hpp"
#include "send_queue.hpp"

namespace tidings::net {

class ServerCore;
class TlsStream;

class Connection final : public EventSource, public DeadlineNode {
 public:
  // Owns `fd`.
  Connection(ServerCore& core, int fd, const IpAddress& peer);
  // Closes the socket; tells nobody.
  ~Connection() override;

  // Begins, or goes on in another loop. Throws std::system_error if the kernel refuses; then nothing has begun.
  void Attach(ServerCore& core);
  void Detach();

  // ---- for protocols

  void Send(realtime::FrameRef frame);
  void Send(SharedBytes bytes);
  void Send(std::string bytes);
  // Bytes queued and not yet handed to the kernel.
  std::size_t pending() const { return queue_.bytes(); }
  // Has OnDrained called when nothing is pending: at the turn's end at the earliest, and even if all fits into it.
  void NotifyDrained();

  // Input goes to `next` from now on. The present protocol lives on until the turn's end.
  void Become(std::unique_ptr<Protocol> next);
  // Input goes through TLS from now on.
  void BeginTls(std::unique_ptr<TlsStream> tls);
  // From now on, until the next call.
  void WaitFor(Wait wait);
  void WakeAtTurnEnd();
  // Writes what is queued, ends our side, waits for the peer to end its own, ignoring what it says.
  void CloseAfterFlush();
  // Ends at once. OnClosed follows at the turn's end.
  void Abort();

  // Whether its protocol still counts: neither ended nor about to.
  bool open() const { return state_ == State::kOpen; }
  bool peer_ended() const { return read_ended_; }
  bool secure() const { return tls_ != nullptr; }
  ServerCore& core() const { return *core_; }
  const IpAddress& client() const { return client_; }
  void set_client(const IpAddress& client) { client_ = client; }
  void set_counted(bool counted) { counted_ = counted; }
  bool counted() const { return counted_; }

  // ---- for the server

  void OnReady(std::uint32_t events) override;
  void OnTimeout(Wait wait);
  void OnWake();
  void OnMoved();
  void OnStop();
  // Tells the protocol that all is over.
  void TellClosed();

  // ---- for the intake

  void ReadNow();
  // What became of a read into `buffer`: bytes read, 0 at the end, or -errno.
  void Received(ssize_t result, std::span<char> buffer);

  // ---- for the flusher

  int fd() const { return fd_; }
  TlsStream* tls() const { return tls_.get(); }
  const SendQueue& queue() const { return queue_; }
  bool dead() const { return state_ == State::kDead; }
  // Bytes of answers that wait, or that waited when it last stalled.
  std::size_t counted_output() const { return counted_output_; }
  // Takes note that it left the flusher's list. True if it has something that can be written.
  bool BeginFlush();
  // What became of a write of `asked` bytes: bytes written, or -errno. False if there is more to write at once.
  bool Wrote(long result, std::size_t asked);
  // More waits, but others want their turn.
  void LeaveForNextTurn();

 private:
  friend class ServerCore;
  enum class State : std::uint8_t { kOpen, kFinishing, kDead };

  void HandleReady(std::uint32_t events);
  void Read();
  void ReadTls();
  bool AdvanceHandshake();
  void TakeInput(std::span<char> fresh);
  std::size_t Feed(std::span<char> input);
  void Ended();
  void MarkDirty();
  void SetBlocked(bool blocked);
  void TellDrained();
  void FinishIfFlushed();
  void UpdateInterest();
  void UpdateDeadline(bool renew);
  void CountHeld();
  void CountOutput(std::size_t size);
  void ForgetOutput();

  ServerCore* core_;
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<std::string> held_;  // input that the protocol has not taken
  std::unique_ptr<TlsStream> tls_;
  SendQueue queue_;
  std::size_t counted_held_ = 0;
  std::size_t counted_output_ = 0;
  IpAddress client_;
  int fd_;
  std::uint32_t interest_ = 0;
  State state_ = State::kOpen;
  Wait wait_ = Wait::kNothing;
  Wait listed_ = Wait::kNothing;
  bool dirty_ = false;      // in the flusher's list
  bool awake_ = false;      // in the server's list
  bool blocked_ = false;    // the kernel's buffer is full
  bool over_turn_ = false;  // output has waited over a turn's end
  bool paused_ = false;     // reads nothing
  bool read_ended_ = false;
  bool write_ended_ = false;
  bool counted_ = false;  // under its address
};

}  // namespace tidings::net
