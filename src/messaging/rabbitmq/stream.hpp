// Stream: a connected byte stream, over TCP or TLS.
#pragma once

#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "url.hpp"

namespace tidings::messaging::rabbitmq {

class Stream {
 public:
  using Done = std::move_only_function<void(const boost::system::error_code&, std::size_t)>;

  virtual ~Stream() = default;
  // Reads some; over TCP after `pause`, what came meanwhile: see GatheredReads. One at a time; so with Write. `into` and
  // `bytes` live until `done` is called.
  virtual void Read(char* into, std::size_t size, std::chrono::microseconds pause, Done done) = 0;
  // Writes all.
  virtual void Write(std::string_view bytes, Done done) = 0;
  // Writes what goes at once, without waiting. REQUIRES: no Write is under way.
  virtual void WriteNow(std::string_view bytes) = 0;
  // What is under way ends with an error.
  virtual void Close() = 0;
};

// Resolves, connects (each address in turn, without Nagle) and, for amqps, shakes hands, all within `timeout`.
Task<Result<std::shared_ptr<Stream>>> Connect(Executor executor, Timers& timers, const Url& url,
                                              std::chrono::milliseconds timeout);

}  // namespace tidings::messaging::rabbitmq
