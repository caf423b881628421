// Link: a connection that comes back, with back-off and jitter, as long as somebody wants it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <tidings/base/error.hpp>
#include <tidings/messaging/signal.hpp>
#include <tidings/messaging/task.hpp>
#include <tidings/messaging/timers.hpp>

#include "connection.hpp"
#include "url.hpp"

namespace tidings::messaging::rabbitmq {

class LinkOptions {
 public:
  ConnectionOptions connection;
  std::chrono::milliseconds first_pause{50};  // doubled with every failure in a row, up to
  std::chrono::milliseconds most_pause{5'000};
};

class Link : public std::enable_shared_from_this<Link> {
 public:
  // Called on each new connection before anybody gets it: declares what has to be there.
  using Prepare = std::function<Task<Status>(std::shared_ptr<Connection>)>;

  Link(Executor executor, Timers& timers, Url url, LinkOptions options, Prepare prepare);

  // A prepared, open connection; begins to connect at the first call. kUnavailable, with what stood in the way last, when
  // `timeout` is over or the link was stopped.
  Task<Result<std::shared_ptr<Connection>>> Ready(std::chrono::milliseconds timeout);
  // The one that is ready now; null if none is.
  std::shared_ptr<Connection> current() const;
  // How often there was a new one.
  std::uint64_t times_connected() const { return times_connected_; }
  const std::string& trouble() const { return trouble_; }
  const std::shared_ptr<Load>& load() const { return options_.connection.load; }

  bool stopped() const { return stopped_; }
  // Closes it for good.
  Task<void> Stop();
  // The same at once.
  void Abandon();

 private:
  Task<void> Run();
  std::chrono::milliseconds Pause(int failures) const;

  Executor executor_;
  Timers& timers_;
  Url url_;
  LinkOptions options_;
  Prepare prepare_;
  bool running_ = false;
  bool stopped_ = false;
  std::shared_ptr<Connection> connection_;
  std::uint64_t times_connected_ = 0;
  std::string trouble_ = "not connected yet";
  Signal changed_;
};

// Time left of a call, as a deadline on the steady clock.
class Deadline {
 public:
  Deadline(Timers& timers, std::chrono::milliseconds timeout)
      : timers_(timers), at_(timers.Steady() + timeout.count()) {}
  std::chrono::milliseconds left() const {
    return std::chrono::milliseconds(std::max<Millis>(at_ - timers_.Steady(), 0));
  }
  bool over() const { return left().count() == 0; }

 private:
  Timers& timers_;
  Millis at_;
};

}  // namespace tidings::messaging::rabbitmq
