// Client: commands to a Redis over one connection, pipelined, that comes back by itself.
#pragma once

#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tidings/messaging/redis/redis_url.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/timers.hpp>

#include "link.hpp"
#include "resp.hpp"

namespace tidings::redis {

using messaging::Signal;
using messaging::Timers;

// A Lua script, by its text. Lives as long as the program.
class Script {
 public:
  constexpr explicit Script(std::string_view text_) : text(text_) {}
  std::string_view text;
};

// A reply that is kept.
class Reply {
 public:
  Reply(const Value& value, bool resent);
  // See Request::Done.
  bool resent() const { return resent_; }
  const Value& operator*() const { return value_; }
  const Value* operator->() const { return &value_; }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  Reply(Reply&&) = default;
  Reply& operator=(Reply&&) = default;

 private:
  std::unique_ptr<std::vector<Value::Node>> nodes_;
  std::unique_ptr<std::vector<char>> bytes_;
  Value value_;
  bool resent_;
};

class Request {
 public:
  // Called once, with the answer (never an error value; valid during the call) or why there is none, and whether it was
  // sent more than once, so that an earlier time may have done it already.
  using Done = std::move_only_function<void(Result<Value>, bool resent)>;

  Request(Arguments arguments_, Done done_) : arguments(std::move(arguments_)), done(std::move(done_)) {}
  Request(const Script& script_, Arguments arguments_, Done done_)
      : script(&script_), arguments(std::move(arguments_)), done(std::move(done_)) {}

  const Script* script = nullptr;
  Arguments arguments;  // of a script: the number of keys and all after it
  // What follows them, where it is somebody else's.
  std::shared_ptr<const Arguments> more;
  Done done;
  // Whether it does no harm to send it twice: then a broken connection is not told, the next one tries it again.
  bool again = false;
  // How long the server may take for it beyond what all commands may take.
  std::chrono::milliseconds blocks{0};

 private:
  friend class Client;
  void Finish(Result<Value> result) { done(std::move(result), sent_ > 1); }
  std::uint32_t sent_ = 0;
  std::uint64_t order_ = 0;
  Millis sent_at_ = 0;
  Millis give_up_ = 0;
};

class ClientOptions {
 public:
  ClientOptions() = default;
  RedisUrl url;
  std::chrono::milliseconds connect_timeout{5'000};
  // A connection on which an answer is overdue for so long is given up.
  std::chrono::milliseconds answer_timeout{5'000};
  // A request that has no answer after so long, over all connections, fails.
  std::chrono::milliseconds patience{30'000};
  std::chrono::milliseconds shortest_pause{20};
  std::chrono::milliseconds longest_pause{2'000};
  std::size_t most_waiting = 100'000;
  std::vector<const Script*> scripts;  // loaded with each connection
  // What each connection but the first begins with, of these scripts: the server may have lost what was made on it.
  std::function<std::vector<std::pair<const Script*, Arguments>>()> replay;
};

// kUnavailable where a request fails for the connection's sake; with "refused" if it was certainly not carried out.
class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Executor executor, Timers& timers, ClientOptions options);

  void Start();
  void Send(std::unique_ptr<Request> request);
  // The same, awaited: what `read` makes of the answer, as Request::Done is given it.
  template <class Read>
  Task<std::invoke_result_t<Read, Result<Value>, bool>> Ask(std::unique_ptr<Request> request, Read read) {
    // One pointer for the handler to hold: then it needs no memory of its own.
    struct {
      Read read;
      std::optional<std::invoke_result_t<Read, Result<Value>, bool>> result;
    } asked{std::move(read), std::nullopt};
    const auto initiate = [&](auto handler) {
      request->done = [&asked, handler = std::move(handler)](Result<Value> value, bool resent) mutable {
        asked.result.emplace(asked.read(std::move(value), resent));
        std::move(handler)();
      };
      Send(std::move(request));
    };
    const auto self = shared_from_this();
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(initiate,
                                                                                       boost::asio::use_awaitable);
    co_return std::move(*asked.result);
  }
  // The answer, kept. `again`: see Request.
  Task<Result<Reply>> Call(Arguments arguments, bool again = false,
                           std::chrono::milliseconds blocks = std::chrono::milliseconds(0));
  Task<Result<Reply>> Call(const Script& script, Arguments arguments, bool again = false);
  bool closed() const { return closed_; }
  bool connected() const { return link_ != nullptr; }
  std::size_t unanswered() const { return waiting_.size() + sent_.size(); }
  // Fails what waits; nothing is sent after.
  void Close();

 private:
  using RequestPtr = std::unique_ptr<Request>;
  Task<void> Run();
  Task<void> WriteLoop(std::shared_ptr<Link> link);
  Task<Status> ReadLoop(std::shared_ptr<Link> link);
  Task<void> Watch();
  Task<Status> Load(Link& link);
  Task<Status> Replay(Link& link);
  const std::string* DigestOf(const Script* script) const;
  // False: this connection must go.
  bool Answered(const Value& value);
  void Broken(const Error& why);
  void Again(RequestPtr request);
  void FailWaiting(const Error& why, Millis until);
  void AppendHead(std::string& out, const Request& request) const;
  std::chrono::milliseconds Pause();

  Executor executor_;
  Timers& timers_;
  ClientOptions options_;
  std::vector<std::pair<const Script*, std::string>> loaded_;
  std::deque<RequestPtr> waiting_;
  std::deque<RequestPtr> sent_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Link> opening_;
  Signal to_write_;
  Signal stop_;
  bool connected_before_ = false;
  std::uint64_t orders_ = 0;
  std::uint32_t failures_ = 0;
  std::string last_error_ = "it was not reached yet";
  bool closed_ = false;
};

}  // namespace tidings::redis
