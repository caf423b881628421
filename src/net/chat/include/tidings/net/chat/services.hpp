// What the chat's surfaces (HTTP and Socket.IO) need, and what of them operators may set and read.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/auth/jwt.hpp>
#include <tidings/base/clock.hpp>
#include <tidings/base/rate_limiter.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/net/event_loop.hpp>

namespace tidings::net {

enum class RecoveryMode { kAsked, kAlways, kOff };

struct ChatSettings {
  chat::Limits limits;
  auth::Expectation expectation;  // of tokens
  RecoveryMode recovery = RecoveryMode::kAsked;
  bool registration = true;
  std::chrono::milliseconds token_lifetime = std::chrono::days(7);  // of own accounts
  std::vector<std::string> origins;                                 // that browsers may call from; "*" for all
  std::size_t socket_window = 1024 * 1024;  // bytes queued for a socket before it is served from the log
  std::size_t replay_page = 256 * 1024;     // bytes read from the log at once for a socket
  std::size_t rooms_per_socket = 1'000;
  std::size_t seen_members = 100;           // SEEN in rooms of up to so many members
  std::size_t typing_online = 100;          // TYPING in rooms with up to so many users online

  bool rate_limits = true;
  RateLimit user_sends{50, 500};             // messages and other changes, a user
  RateLimit address_sends{500, 5'000};
  RateLimit user_requests{100, 1'000};       // everything else, a user
  RateLimit address_requests{500, 5'000};
  RateLimit address_connections{50, 1'000};  // Socket.IO handshakes
  RateLimit address_logins{0.5, 60};         // login and register
  RateLimit account_logins{0.17, 20};
};

// Counters of the surfaces; readable from any thread.
struct ChatStats {
  std::atomic<std::uint64_t> sockets{0};
  std::atomic<std::uint64_t> users_online{0};
  std::atomic<std::uint64_t> followed{0};           // sockets in rooms
  std::atomic<std::uint64_t> sends{0};              // acknowledged createMessage and message:send
  std::atomic<std::uint64_t> refused{0};            // commands answered with an error
  std::atomic<std::uint64_t> rate_limited{0};
  std::atomic<std::uint64_t> deliveries{0};         // log events queued for sockets, live
  std::atomic<std::uint64_t> replayed{0};           // the same, out of the log
  std::atomic<std::uint64_t> fell_behind{0};        // sockets that were too slow
  std::atomic<std::uint64_t> behind{0};             // that are now
  std::atomic<std::uint64_t> recovered{0};
  std::atomic<std::uint64_t> fresh_sessions{0};     // asked for recovery and began anew
  std::atomic<std::uint64_t> ephemeral_dropped{0};  // TYPING, PRESENCE, SEEN not sent to a slow socket
  std::atomic<std::uint64_t> live_position{0};      // of the log, as it was last fanned out
};

// All of them outlive the surfaces. One loop's thread uses them, but for what is thread-safe by itself.
struct ChatServices {
  EventLoop& loop;
  const Clock& clock;
  chat::Engine& engine;
  chat::ReadPool& reads;
  const auth::KeySet& keys;
  ChatSettings settings;
  ChatStats& stats;
};

// Answers on the loop's thread. A callback that the engine drops (the outcome is unknown) is dropped there too.
template <class T>
chat::Answer<T> OnLoop(EventLoop& loop, std::move_only_function<void(Result<T>)> done) {
  return [&loop, done = std::move(done)](Result<T> result) mutable {
    loop.Post([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  };
}

// Shared with other threads, and destroyed on the loop's thread whoever lets go last.
template <class T>
std::shared_ptr<T> LoopShared(EventLoop& loop, T value) {
  return std::shared_ptr<T>(new T(std::move(value)),
                            [&loop](T* held) { loop.Post([owned = std::unique_ptr<T>(held)] {}); });
}

// Runs `read` on a reading thread and hands what it gives to `done` on the loop's thread; kUnavailable if too much is
// waiting, kInternal if the store failed. Both are destroyed on the loop's thread.
template <class T>
void ReadThen(ChatServices& services, std::move_only_function<Result<T>(chat::Reader&)> read,
              std::move_only_function<void(Result<T>)> done) {
  struct Question {
    std::move_only_function<Result<T>(chat::Reader&)> read;
    std::move_only_function<void(Result<T>)> done;
  };
  EventLoop& loop = services.loop;
  auto question = LoopShared(loop, Question{std::move(read), std::move(done)});
  const bool queued = services.reads.Read(
      [&loop, question](chat::Reader& reader) {
        auto result = question->read(reader);
        loop.Post([question, result = std::move(result)]() mutable { question->done(std::move(result)); });
      },
      [&loop, question](const Error& error) {
        loop.Post([question, error] { question->done(std::unexpected(error)); });
      });
  if (!queued) {
    loop.Post(
        [question] { question->done(Fail(ErrorCode::kUnavailable, "too many questions are waiting; try again")); });
  }
}

// {"status":"success","data":…} and {"status":"error","error":{…}}.
std::string SuccessBody(std::string_view data);
std::string ErrorBody(const Error& error);

}  // namespace tidings::net
