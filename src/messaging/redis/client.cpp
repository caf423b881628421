#include "client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <tidings/base/id.hpp>

namespace tidings::redis {
namespace {

namespace asio = boost::asio;

// What one write gathers, and how large a request is that is not copied for it.
constexpr std::size_t kMostBytes = 256 * 1024;
constexpr std::size_t kLarge = 64 * 1024;
constexpr std::chrono::milliseconds kWatch{100};

Result<Reply> Kept(Result<Value> value, bool resent) {
  if (!value) return std::unexpected(value.error());
  return Reply(*value, resent);
}

}  // namespace

Reply::Reply(const Value& value, bool resent)
    : nodes_(std::make_unique<std::vector<Value::Node>>(value.nodes(), value.nodes() + value.node_count())),
      bytes_(std::make_unique<std::vector<char>>(value.bytes(), value.bytes() + value.byte_count())),
      value_(nodes_->data(), bytes_->data(), nodes_->data()),
      resent_(resent) {}

Client::Client(Executor executor, Timers& timers, ClientOptions options)
    : executor_(std::move(executor)),
      timers_(timers),
      options_(std::move(options)),
      to_write_(executor_),
      stop_(executor_) {}

void Client::Start() {
  asio::co_spawn(executor_, [self = shared_from_this()] { return self->Run(); }, asio::detached);
  asio::co_spawn(executor_, [self = shared_from_this()] { return self->Watch(); }, asio::detached);
}

void Client::Send(RequestPtr request) {
  const bool full = waiting_.size() >= options_.most_waiting;
  if (closed_ || full) {
    // Never from within the call: its caller may not be ready for it.
    asio::post(executor_, [request = std::move(request), full]() mutable {
      const Error error(ErrorCode::kUnavailable, full ? "refused: too much waits for Redis" : "refused: it is closed");
      request->Finish(std::unexpected(error));
    });
    return;
  }
  request->order_ = ++orders_;
  request->give_up_ = timers_.Steady() + (options_.patience + request->blocks).count();
  waiting_.push_back(std::move(request));
  to_write_.NotifyAll();
}

Task<Result<Reply>> Client::Call(Arguments arguments, bool again, std::chrono::milliseconds blocks) {
  auto request = std::make_unique<Request>(std::move(arguments), nullptr);
  request->again = again;
  request->blocks = blocks;
  co_return co_await Ask(std::move(request), Kept);
}

Task<Result<Reply>> Client::Call(const Script& script, Arguments arguments, bool again) {
  auto request = std::make_unique<Request>(script, std::move(arguments), nullptr);
  request->again = again;
  co_return co_await Ask(std::move(request), Kept);
}

const std::string* Client::DigestOf(const Script* script) const {
  const auto known = std::ranges::find(loaded_, script, &decltype(loaded_)::value_type::first);
  return known == loaded_.end() ? nullptr : &known->second;
}

void Client::AppendHead(std::string& out, const Request& request) const {
  const std::size_t count = request.arguments.count() + (request.more ? request.more->count() : 0);
  if (request.script == nullptr) {
    AppendArrayHead(out, count);
    return;
  }
  const std::string* const digest = DigestOf(request.script);
  AppendArrayHead(out, 2 + count);
  out += Arguments{digest ? "EVALSHA" : "EVAL", digest ? std::string_view(*digest) : request.script->text}.bytes();
}

// Small requests are gathered into one piece: a copy is cheaper than a buffer of its own in the system call.
Task<void> Client::WriteLoop(std::shared_ptr<Link> link) {
  const auto self = shared_from_this();
  std::string gathered;
  std::vector<asio::const_buffer> buffers;
  while (link == link_) {
    if (waiting_.empty()) {
      co_await to_write_.Wait();
      continue;
    }
    gathered.clear();
    buffers.clear();
    const Millis now = timers_.Steady();
    while (!waiting_.empty() && gathered.size() < kMostBytes && buffers.empty()) {
      Request& request = *waiting_.front();
      ++request.sent_;
      request.sent_at_ = now;
      AppendHead(gathered, request);
      for (const Arguments* const part : {&std::as_const(request.arguments), request.more.get()}) {
        if (part == nullptr) continue;
        if (buffers.empty() && part->bytes().size() < kLarge) {
          gathered += part->bytes();
        } else {
          buffers.push_back(asio::buffer(part->bytes()));
        }
      }
      sent_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    buffers.insert(buffers.begin(), asio::buffer(gathered));
    const auto written = co_await link->Write(buffers);
    if (!written) {
      if (link == link_) link->Close();  // the reader sees it
      co_return;
    }
    if (gathered.capacity() > 4 * kMostBytes) gathered = std::string();
  }
}

Task<Status> Client::ReadLoop(std::shared_ptr<Link> link) {
  for (;;) {
    auto value = link->Take();
    if (!value) co_return std::unexpected(value.error());
    if (!*value) {
      auto filled = co_await link->Fill();
      if (!filled) co_return filled;
      continue;
    }
    if (sent_.empty()) co_return Fail(ErrorCode::kUnavailable, "Redis answered what was not asked");
    if (!Answered(**value)) co_return Fail(ErrorCode::kUnavailable, "Redis said: " + std::string((*value)->text()));
  }
}

bool Client::Answered(const Value& value) {
  RequestPtr request = std::move(sent_.front());
  sent_.pop_front();
  if (!value.is_error()) {
    request->Finish(value);
    return true;
  }
  if (value.text().starts_with("NOSCRIPT") && request->script != nullptr) {
    // Somebody emptied its cache, or it is another server: by its text from now on, until the next connection loads it.
    std::erase_if(loaded_, [&](const auto& known) { return known.first == request->script; });
    Again(std::move(request));
    to_write_.NotifyAll();
    return true;
  }
  // It was not carried out, and whoever answers there will not do better soon.
  if (IsTransient(value.text())) {
    if (request->again) {
      Again(std::move(request));
    } else {
      request->Finish(std::unexpected(ErrorOf(value.text())));
    }
    return false;
  }
  request->Finish(std::unexpected(ErrorOf(value.text())));
  return true;
}

// Back into the order in which they were first sent.
void Client::Again(RequestPtr request) {
  const auto place =
      std::ranges::find_if(waiting_, [&](const RequestPtr& other) { return other->order_ > request->order_; });
  waiting_.insert(place, std::move(request));
}

void Client::Broken(const Error& why) {
  last_error_ = why.message();
  link_->Close();
  link_ = nullptr;
  to_write_.NotifyAll();
  std::deque<RequestPtr> failed;
  while (!sent_.empty()) {
    RequestPtr request = std::move(sent_.back());
    sent_.pop_back();
    if (request->again && !closed_) {
      Again(std::move(request));
    } else {
      failed.push_front(std::move(request));
    }
  }
  for (const RequestPtr& request : failed) {
    request->Finish(Fail(ErrorCode::kUnavailable, "unknown whether it was done: " + last_error_));
  }
}

void Client::FailWaiting(const Error& why, Millis until) {
  std::vector<RequestPtr> failed;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if ((*at)->give_up_ > until) {
      ++at;
    } else {
      failed.push_back(std::move(*at));
      at = waiting_.erase(at);
    }
  }
  for (const RequestPtr& request : failed) {
    const std::string certainty = request->sent_ == 0 ? "refused: " : "unknown whether it was done: ";
    request->Finish(Fail(why.code(), certainty + why.message()));
  }
}

std::chrono::milliseconds Client::Pause() {
  const auto longest = std::min(options_.shortest_pause * (1U << std::min(failures_, 16U)), options_.longest_pause);
  ++failures_;
  // Between half of it and all of it, so that many clients do not come back at once.
  return longest / 2 + std::chrono::milliseconds(RandomU64() % static_cast<std::uint64_t>(longest.count() / 2 + 1));
}

Task<Status> Client::Load(Link& link) {
  std::vector<std::pair<const Script*, std::string>> loaded;
  for (const Script* script : options_.scripts) {
    Arguments load{"SCRIPT", "LOAD", script->text};
    const auto digest = co_await link.Ask(std::move(load));
    if (!digest) co_return std::unexpected(digest.error());
    loaded.emplace_back(script, digest->text());
  }
  loaded_ = std::move(loaded);
  co_return Status();
}

// Before anything that waits. What is refused is refused as it would have been the first time.
Task<Status> Client::Replay(Link& link) {
  if (closed_ || !options_.replay || !connected_before_) co_return Status();
  for (const auto& [script, arguments] : options_.replay()) {
    const std::string* const digest = DigestOf(script);
    Arguments command{"EVALSHA", digest ? *digest : std::string()};
    command.AddAll(arguments);
    const auto done = co_await link.Ask(std::move(command));
    if (!done && done.error().code() == ErrorCode::kUnavailable) co_return std::unexpected(done.error());
  }
  co_return Status();
}

Task<void> Client::Run() {
  while (!closed_) {
    const auto link = std::make_shared<Link>(executor_);
    opening_ = link;
    Status open;
    {
      const auto alarm = timers_.Set(options_.connect_timeout, [link] { link->Close(); });
      open = co_await link->Open(options_.url);
      if (open) open = co_await Load(*link);
      if (open) open = co_await Replay(*link);
    }
    opening_ = nullptr;
    const Millis since = timers_.Steady();
    if (open && !closed_) {
      link_ = link;
      connected_before_ = true;
      asio::co_spawn(executor_, [self = shared_from_this(), link] { return self->WriteLoop(link); }, asio::detached);
      open = co_await ReadLoop(link);
      Broken(open.error());
    }
    if (closed_) break;
    last_error_ = open.error().message();
    if (open.error().code() != ErrorCode::kUnavailable) {
      // A wrong password does not become right by waiting.
      FailWaiting(open.error(), std::numeric_limits<Millis>::max());
    }
    if (timers_.Steady() - since > 1'000) failures_ = 0;
    co_await stop_.WaitFor(timers_, Pause());
  }
}

Task<void> Client::Watch() {
  while (!closed_) {
    co_await stop_.WaitFor(timers_, kWatch);
    const Millis now = timers_.Steady();
    if (link_ && !sent_.empty()) {
      const Request& oldest = *sent_.front();
      if (now - oldest.sent_at_ > (options_.answer_timeout + oldest.blocks).count()) link_->Close();
    }
    FailWaiting(Error(ErrorCode::kUnavailable, "Redis did not answer in time: " + last_error_), now);
  }
}

// What waits is told on the executor's next turn, not from within the call; if there is none, it is dropped.
void Client::Close() {
  if (closed_) return;
  closed_ = true;
  if (opening_) opening_->Close();
  if (link_) link_->Close();
  stop_.NotifyAll();
  to_write_.NotifyAll();
  std::vector<RequestPtr> left;
  for (auto* const requests : {&sent_, &waiting_}) {
    for (RequestPtr& request : *requests) left.push_back(std::move(request));
    requests->clear();
  }
  asio::post(executor_, [left = std::move(left)] {
    for (const RequestPtr& request : left) {
      const std::string certainty = request->sent_ == 0 ? "refused: " : "unknown whether it was done: ";
      request->Finish(Fail(ErrorCode::kUnavailable, certainty + "this transport is closed"));
    }
  });
}

}  // namespace tidings::redis
