// Subscriber: channels of a Redis, over one connection of its own that comes back by itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"

namespace tidings::redis {

class Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  // Who listens to some channels; dropped, it hears no more.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnMessage(std::string_view channel, std::string_view payload) = 0;
    // The connection was lost and is back: anything may have been missed.
    virtual void OnGap() = 0;
  };

  Subscriber(Executor executor, Timers& timers, ClientOptions options);

  // What is published after this returned is heard. Fails after options.patience without an answer.
  Task<Status> Add(std::weak_ptr<Listener> listener, std::vector<std::string> channels);
  void Close();

 private:
  struct Channel {
    std::vector<std::weak_ptr<Listener>> listeners;
    bool confirmed = false;
  };
  Task<void> Run();
  Task<Status> ReadLoop(std::shared_ptr<Link> link);
  Task<void> WriteLoop(std::shared_ptr<Link> link);
  Task<void> Watch();
  Status Heard(const Value& value);
  void Confirmed(const std::string& channel);
  void Write(const Arguments& command);
  // Unsubscribes from what nobody listens to.
  void Sweep();

  Executor executor_;
  Timers& timers_;
  ClientOptions options_;
  std::map<std::string, Channel, std::less<>> channels_;
  std::vector<std::weak_ptr<Listener>> gapped_;  // to be told once their channels are back
  std::string output_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Link> opening_;
  Signal to_write_;
  Signal changed_;
  Signal stop_;
  Millis heard_at_ = 0;
  Millis pinged_at_ = 0;
  std::uint32_t failures_ = 0;
  std::string last_error_ = "it was not reached yet";
  bool running_ = false;
  bool closed_ = false;
};

}  // namespace tidings::redis
