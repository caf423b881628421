#include "subscriber.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include <tidings/base/id.hpp>

namespace tidings::redis {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kWatchChannels{250};
constexpr std::size_t kMostOutput = 16 * 1024 * 1024;

bool Gone(const std::weak_ptr<Subscriber::Listener>& listener) { return listener.expired(); }

}  // namespace

Subscriber::Subscriber(Executor executor, Timers& timers, ClientOptions options)
    : executor_(std::move(executor)),
      timers_(timers),
      options_(std::move(options)),
      to_write_(executor_),
      changed_(executor_),
      stop_(executor_) {}

Task<Status> Subscriber::Add(std::weak_ptr<Listener> listener, std::vector<std::string> channels) {
  const auto self = shared_from_this();
  if (closed_) co_return Fail(ErrorCode::kUnavailable, "it is closed");
  Sweep();
  for (const std::string& name : channels) {
    Channel& channel = channels_[name];
    channel.listeners.push_back(listener);
    if (channel.listeners.size() == 1 && link_) Write(Arguments{"SUBSCRIBE", name});
  }
  if (!running_) {
    running_ = true;
    asio::co_spawn(executor_, [self] { return self->Run(); }, asio::detached);
    asio::co_spawn(executor_, [self] { return self->Watch(); }, asio::detached);
  }
  const Millis give_up = timers_.Steady() + options_.patience.count();
  const auto confirmed = [&](const std::string& name) {
    const auto found = channels_.find(name);
    return found != channels_.end() && found->second.confirmed;
  };
  while (!std::ranges::all_of(channels, confirmed)) {
    const Millis left = give_up - timers_.Steady();
    if (closed_ || left <= 0) {
      co_return Fail(ErrorCode::kUnavailable, "Redis did not confirm a subscription in time: " + last_error_);
    }
    co_await changed_.WaitFor(timers_, std::chrono::milliseconds(left));
  }
  co_return Status();
}

void Subscriber::Sweep() {
  for (auto at = channels_.begin(); at != channels_.end();) {
    std::erase_if(at->second.listeners, Gone);
    if (at->second.listeners.empty()) {
      if (link_) Write(Arguments{"UNSUBSCRIBE", at->first});
      at = channels_.erase(at);
    } else {
      ++at;
    }
  }
}

void Subscriber::Write(const Arguments& command) {
  AppendArrayHead(output_, command.count());
  output_ += command.bytes();
  if (output_.size() > kMostOutput && link_) link_->Close();
  to_write_.NotifyAll();
}

Task<void> Subscriber::WriteLoop(std::shared_ptr<Link> link) {
  const auto self = shared_from_this();
  while (link == link_) {
    if (output_.empty()) {
      co_await to_write_.Wait();
      continue;
    }
    const std::string bytes = std::exchange(output_, std::string());
    std::vector<asio::const_buffer> buffers{asio::buffer(bytes)};
    const auto written = co_await link->Write(std::move(buffers));
    if (!written) {
      link->Close();
      co_return;
    }
  }
}

Task<Status> Subscriber::ReadLoop(std::shared_ptr<Link> link) {
  for (;;) {
    auto value = link->Take();
    if (!value) co_return std::unexpected(value.error());
    if (*value) {
      if (auto heard = Heard(**value); !heard) co_return heard;
      continue;
    }
    auto filled = co_await link->Fill();
    if (!filled) co_return filled;
    heard_at_ = timers_.Steady();
  }
}

Status Subscriber::Heard(const Value& value) {
  if (value.is_error()) return std::unexpected(ErrorOf(value.text()));
  if (!value.is_array() || value.size() < 2) return {};  // an answer to PING
  auto part = value.begin();
  const std::string_view kind = (*part).text();
  ++part;
  const std::string_view name = (*part).text();
  if (kind == "subscribe") Confirmed(std::string(name));
  if (kind != "message" || value.size() != 3) return {};
  ++part;
  const auto found = channels_.find(name);
  if (found == channels_.end()) return {};
  const auto listeners = found->second.listeners;  // a listener may change them
  for (const auto& held : listeners) {
    if (const auto listener = held.lock()) listener->OnMessage(name, (*part).text());
  }
  return {};
}

void Subscriber::Confirmed(const std::string& name) {
  const auto found = channels_.find(name);
  if (found == channels_.end()) return;
  found->second.confirmed = true;
  changed_.NotifyAll();
  if (gapped_.empty()) return;
  const bool all = std::ranges::all_of(channels_, [](const auto& channel) { return channel.second.confirmed; });
  if (!all) return;
  for (const auto& held : std::exchange(gapped_, {})) {
    if (const auto listener = held.lock()) listener->OnGap();
  }
}

Task<void> Subscriber::Run() {
  while (!closed_) {
    const auto link = std::make_shared<Link>(executor_);
    opening_ = link;
    Status open;
    {
      const auto alarm = timers_.Set(options_.connect_timeout, [link] { link->Close(); });
      open = co_await link->Open(options_.url);
    }
    opening_ = nullptr;
    const Millis since = timers_.Steady();
    if (open && !closed_) {
      link_ = link;
      heard_at_ = since;
      output_.clear();
      for (const auto& [name, channel] : channels_) Write(Arguments{"SUBSCRIBE", name});
      asio::co_spawn(executor_, [self = shared_from_this(), link] { return self->WriteLoop(link); }, asio::detached);
      open = co_await ReadLoop(link);
      link->Close();
      link_ = nullptr;
      to_write_.NotifyAll();
      for (auto& [name, channel] : channels_) {
        if (!std::exchange(channel.confirmed, false)) continue;
        for (const auto& listener : channel.listeners) {
          const auto same = [&](const auto& other) {
            return !other.owner_before(listener) && !listener.owner_before(other);
          };
          if (std::ranges::none_of(gapped_, same)) gapped_.push_back(listener);
        }
      }
    }
    if (closed_) break;
    last_error_ = open.error().message();
    if (timers_.Steady() - since > 1'000) failures_ = 0;
    const auto longest = std::min(options_.shortest_pause * (1U << std::min(failures_++, 16U)), options_.longest_pause);
    const auto jitter = RandomU64() % static_cast<std::uint64_t>(longest.count() / 2 + 1);
    co_await stop_.WaitFor(timers_, longest / 2 + std::chrono::milliseconds(jitter));
  }
}

// A connection on which nothing comes is asked whether it is alive.
Task<void> Subscriber::Watch() {
  while (!closed_) {
    co_await stop_.WaitFor(timers_, kWatchChannels);
    if (!link_) continue;
    Sweep();
    const Millis now = timers_.Steady();
    const Millis silent = now - heard_at_;
    if (silent > options_.answer_timeout.count()) {
      link_->Close();
    } else if (silent > options_.answer_timeout.count() / 3 && now - pinged_at_ > options_.answer_timeout.count() / 3) {
      pinged_at_ = now;
      Write(Arguments{"PING"});
    }
  }
}

void Subscriber::Close() {
  if (closed_) return;
  closed_ = true;
  if (opening_) opening_->Close();
  if (link_) link_->Close();
  stop_.NotifyAll();
  changed_.NotifyAll();
  to_write_.NotifyAll();
}

}  // namespace tidings::redis
