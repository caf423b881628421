// TLS 1.2 and 1.3 of a server on non-blocking sockets, by OpenSSL.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/net/http_server.hpp>

namespace tidings::net {

enum class TlsOutcome { kDone, kWantRead, kWantWrite, kEnd, kFailed };

// One connection's TLS. Writes and reads the descriptor, which it does not own; never blocks, never raises SIGPIPE.
class TlsStream {
 public:
  ~TlsStream();

  TlsOutcome Handshake();
  bool established() const;
  // kDone: `got` bytes were put into `into`.
  TlsOutcome Read(std::span<char> into, std::size_t& got);
  // kDone: `took` of the bytes are on their way. After kWantRead or kWantWrite the same bytes come first again.
  TlsOutcome Write(std::string_view bytes, std::size_t& took);
  // Says that nothing follows (close_notify), if that can be said at once.
  void SayEnd();

  // Bytes that were read from the descriptor before TLS began.
  void Preload(std::string_view bytes);

 private:
  friend class TlsContext;
  struct State;
  explicit TlsStream(std::unique_ptr<State> state);
  TlsOutcome Outcome(int result);
  std::unique_ptr<State> state_;
};

// A listener's certificate and key.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> Load(TlsFiles files);
  ~TlsContext();

  // Reads the files again; on an error the old ones stay in use.
  Status Reload();
  std::unique_ptr<TlsStream> Accept(int fd) const;

 private:
  struct State;
  TlsContext(TlsFiles files, std::unique_ptr<State> state);
  TlsFiles files_;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::net
