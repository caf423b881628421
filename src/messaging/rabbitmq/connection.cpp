#include "connection.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace tidings::messaging::rabbitmq {
namespace {

// A read takes up to so much, and the largest frame always fits.
constexpr std::size_t kReadBuffer = 256 * 1024;
// After a read of so much the next one does not wait for more to come.
constexpr std::size_t kManyBytes = 16 * 1024;
constexpr std::uint16_t kMostChannels = 2047;

template <class Number>
Number LowerLimit(Number server, Number own) {
  return server == 0 ? own : std::min(server, own);
}

}  // namespace

class Connection::Waiter {
 public:
  Waiter(Executor executor, Method first_, Method second_)
      : first(first_), second(second_), signal(std::move(executor)) {}
  Method first;
  Method second;
  std::optional<Result<Reply>> result;
  Signal signal;
};

class Connection::ChannelState {
 public:
  explicit ChannelState(ChannelHandler* handler_, std::size_t most_body) : handler(handler_), content(most_body) {}
  ChannelHandler* handler;
  bool open = true;
  bool closing = false;  // we said close and wait for close-ok; what still comes is dropped
  Content content;
  std::deque<std::shared_ptr<Waiter>> waiters;

  void End(const Error& error, const CloseReason* exception) {
    if (!open) return;
    open = false;
    for (const auto& waiter : std::exchange(waiters, {})) {
      waiter->result = std::unexpected(error);
      waiter->signal.NotifyAll();
    }
    if (ChannelHandler* told = std::exchange(handler, nullptr)) told->OnClosed(error, exception);
  }
};

Error ErrorOf(const CloseReason& reason) {
  ErrorCode code = ErrorCode::kInternal;
  switch (reason.code) {
    case reply::kNotFound: code = ErrorCode::kNotFound; break;
    case reply::kAccessRefused: code = ErrorCode::kForbidden; break;
    case reply::kResourceLocked:
    case reply::kPreconditionFailed: code = ErrorCode::kConflict; break;
    case reply::kContentTooLarge: code = ErrorCode::kTooLarge; break;
    case reply::kConnectionForced:
    // A quorum queue without a leader, say: RabbitMQ ends the connection with it, and is well again in a moment.
    case reply::kInternalError: code = ErrorCode::kUnavailable; break;
    case reply::kNotAllowed: code = ErrorCode::kForbidden; break;
    default: break;
  }
  return Error(code, "RabbitMQ: " + reason.text + " (" + std::to_string(reason.code) + ")");
}

Connection::Connection(Executor executor, Timers& timers, const ConnectionOptions& options)
    : executor_(std::move(executor)), timers_(timers), options_(options), ended_(executor_) {
  in_.resize(kReadBuffer);
  channels_.push_back(std::make_shared<ChannelState>(nullptr, 0));
}

Connection::~Connection() {
  if (stream_) stream_->Close();
}

Task<Result<std::shared_ptr<Connection>>> Connection::Open(Executor executor, Timers& timers, const Url& url,
                                                           const ConnectionOptions& options) {
  const std::shared_ptr<Connection> connection(new Connection(executor, timers, options));
  connection->peer_ = url.Shown();
  const Alarm alarm = timers.Set(options.connect, [weak = std::weak_ptr(connection)] {
    if (const auto late = weak.lock()) {
      late->Abort(late->Broken("no handshake within " + std::to_string(late->options_.connect.count()) + " ms"));
    }
  });
  auto stream = co_await Connect(executor, timers, url, options.connect);
  if (!stream) co_return std::unexpected(stream.error());
  if (connection->error_) {
    (*stream)->Close();
    co_return std::unexpected(*connection->error_);
  }
  connection->stream_ = std::move(*stream);
  if (Status hands = co_await connection->Handshake(url); !hands) {
    connection->Abort(hands.error());
    co_return std::unexpected(hands.error());
  }
  co_return connection;
}

Task<Status> Connection::Handshake(const Url& url) {
  const auto own = channels_[0];
  out_ = kProtocolHeader;
  Flush();
  Read(std::chrono::microseconds(0));
  const auto started = co_await Expect(own, Method::kConnectionStart, Method{});
  if (!started) co_return std::unexpected(started.error());
  ConnectionStart start;
  if (!ReadConnectionStart(started->payload, start)) co_return std::unexpected(Broken("connection.start is malformed"));
  if (!start.plain) co_return Fail(ErrorCode::kUnauthorized, peer_ + " does not offer the login mechanism PLAIN");
  if (!start.confirms)
    co_return Fail(ErrorCode::kUnavailable, peer_ + " has no publisher confirms; RabbitMQ is needed");
  version_ = start.version;

  AppendStartOk(out_, url.user, url.password, options_.name);
  Flush();
  const auto tuned = co_await Expect(own, Method::kConnectionTune, Method{});
  if (!tuned) co_return std::unexpected(tuned.error());
  Tuning tuning;
  if (!ReadTune(tuned->payload, tuning)) co_return std::unexpected(Broken("connection.tune is malformed"));
  tuning.channel_max = LowerLimit(tuning.channel_max, kMostChannels);
  tuning.frame_max = std::max(LowerLimit(tuning.frame_max, kMostFrameMax), kLeastFrameMax);
  const std::uint16_t wanted = url.heartbeat.value_or(options_.heartbeat);
  tuning.heartbeat = wanted == 0 ? std::uint16_t{0} : LowerLimit(tuning.heartbeat, wanted);
  channel_max_ = tuning.channel_max;
  frame_max_ = tuning.frame_max;

  AppendTuneOk(out_, tuning);
  AppendConnectionOpen(out_, url.vhost);
  Flush();
  const auto opened = co_await Expect(own, Method::kConnectionOpenOk, Method{});
  if (!opened) co_return std::unexpected(opened.error());
  beat_ = std::chrono::milliseconds(tuning.heartbeat * 1000 / 2);
  if (beat_.count() > 0) Beat();
  co_return Status();
}

Error Connection::Broken(std::string_view what) const {
  return Error(ErrorCode::kUnavailable, "the connection to " + peer_ + " ended: " + std::string(what));
}

void Connection::Read(std::chrono::microseconds pause) {
  if (error_) return;
  stream_->Read(in_.data() + in_size_, in_.size() - in_size_, pause,
                [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
                  if (self->error_) return;
                  if (error) return self->Abort(self->Broken(error.message()));
                  self->OnBytes(count);
                });
}

void Connection::OnBytes(std::size_t count) {
  silent_beats_ = 0;
  in_size_ += count;
  std::string_view rest(in_.data(), in_size_);
  Frame frame;
  while (!error_) {
    const FrameStep step = TakeFrame(rest, std::max<std::size_t>(frame_max_, kLeastFrameMax), frame);
    if (step == FrameStep::kMore) break;
    if (step == FrameStep::kBroken) {
      return Abort(Broken(rest.starts_with("AMQP") ? "it speaks another version of AMQP than 0-9-1"
                                                   : "it sent what is no AMQP 0-9-1 frame"));
    }
    if (!OnFrame(frame)) return Abort(Broken("it sent a frame that does not belong there"));
  }
  if (error_) return;
  std::copy(rest.begin(), rest.end(), in_.begin());
  in_size_ = rest.size();
  Read(count < kManyBytes ? options_.load->Pause() : std::chrono::microseconds(0));
}

bool Connection::OnFrame(const Frame& frame) {
  if (frame.type == FrameType::kHeartbeat) return frame.channel == 0;
  if (frame.channel >= channels_.size() || !channels_[frame.channel]) return frame.channel <= channel_max_;
  const auto held = channels_[frame.channel];
  if (frame.type == FrameType::kHeader) return OnContentStep(*held, held->content.AddHeader(frame.payload));
  if (frame.type == FrameType::kBody) return OnContentStep(*held, held->content.AddBody(frame.payload));
  std::string_view payload = frame.payload;
  const Method method = TakeMethod(payload);
  return frame.channel == 0 ? OnConnectionMethod(method, payload)
                            : OnChannelMethod(frame.channel, *held, method, payload);
}

bool Connection::OnConnectionMethod(Method method, std::string_view payload) {
  switch (method) {
    case Method::kConnectionClose: {
      CloseReason reason;
      if (!ReadClose(payload, reason)) return false;
      AppendPlain(out_, 0, Method::kConnectionCloseOk);
      Write();
      const Error error = ErrorOf(reason);
      Abort(reason.code == reply::kAccessRefused ? Error(ErrorCode::kUnauthorized, error.message()).Within(peer_)
                                                 : error.Within(peer_));
      return true;
    }
    case Method::kConnectionBlocked:
      blocked_ = true;
      blocked_reason_ = Reader(payload).ShortText();
      if (handler_ != nullptr) handler_->OnRoom();
      return true;
    case Method::kConnectionUnblocked:
      blocked_ = false;
      if (handler_ != nullptr) handler_->OnRoom();
      return true;
    default: {
      Reply reply;
      reply.method = method;
      reply.payload = payload;
      Answer(*channels_[0], std::move(reply));
      return true;
    }
  }
}

bool Connection::OnChannelMethod(std::uint16_t number, ChannelState& channel, Method method, std::string_view payload) {
  switch (method) {
    case Method::kChannelClose: OnChannelException(number, payload); return true;
    case Method::kChannelCloseOk: Release(number); return true;
    case Method::kChannelFlow:
      AppendFlowOk(out_, number, Reader(payload).U8() != 0);
      Flush();
      return true;
    case Method::kBasicDeliver:
    case Method::kBasicReturn:
    case Method::kBasicGetOk: return channel.content.Begin(static_cast<std::uint32_t>(method), payload);
    case Method::kBasicAck:
    case Method::kBasicNack: {
      Confirm confirm;
      if (!ReadConfirm(payload, confirm)) return false;
      if (channel.handler != nullptr) channel.handler->OnConfirm(confirm, method == Method::kBasicAck);
      return true;
    }
    case Method::kBasicCancel:
      if (channel.handler != nullptr) channel.handler->OnCancelled();
      return true;
    default: {
      Reply reply;
      reply.method = method;
      reply.payload = payload;
      Answer(channel, std::move(reply));
      return true;
    }
  }
}

bool Connection::OnContentStep(ChannelState& channel, Content::Step step) {
  if (step == Content::Step::kBroken) return false;
  if (step == Content::Step::kMore) return true;
  if (channel.content.method() != static_cast<std::uint32_t>(Method::kBasicGetOk)) {
    if (channel.handler != nullptr) channel.handler->OnContent(channel.content);
    return true;
  }
  Reply reply;
  reply.method = Method::kBasicGetOk;
  reply.payload = channel.content.method_payload();
  reply.properties = channel.content.properties();
  reply.body = std::move(channel.content.body());
  reply.too_large = channel.content.too_large();
  Answer(channel, std::move(reply));
  return true;
}

// The number may be used again at once: close-ok goes out before whatever comes after on it.
void Connection::OnChannelException(std::uint16_t number, std::string_view payload) {
  CloseReason reason;
  if (!ReadClose(payload, reason)) return Abort(Broken("channel.close is malformed"));
  AppendPlain(out_, number, Method::kChannelCloseOk);
  Flush();
  const auto channel = channels_[number];
  // Both sides closed at once: close-ok to ours still comes.
  if (channel->closing) return;
  channels_[number] = nullptr;
  channel->End(ErrorOf(reason), &reason);
}

void Connection::Release(std::uint16_t number) { channels_[number] = nullptr; }

void Connection::Answer(ChannelState& channel, Reply reply) {
  if (channel.waiters.empty() || channel.closing) return;
  const auto waiter = std::move(channel.waiters.front());
  channel.waiters.pop_front();
  if (reply.method == waiter->first || reply.method == waiter->second) {
    waiter->result = std::move(reply);
  } else {
    waiter->result = std::unexpected(Broken("an answer to another call than was made"));
    Abort(Broken("an answer to another call than was made"));
  }
  waiter->signal.NotifyAll();
}

Task<Result<Reply>> Connection::Expect(std::shared_ptr<ChannelState> channel, Method first, Method second) {
  if (error_) co_return std::unexpected(*error_);
  if (!channel->open) co_return Fail(ErrorCode::kUnavailable, "the channel is closed");
  const auto self = shared_from_this();
  const auto waiter = std::make_shared<Waiter>(executor_, first, second);
  channel->waiters.push_back(waiter);
  Flush();
  const bool in_time = co_await waiter->signal.WaitFor(timers_, options_.call);
  if (waiter->result) co_return std::move(*waiter->result);
  if (in_time) co_return Fail(ErrorCode::kTimeout, "the call was given up before its answer came");
  Abort(Broken("no answer within " + std::to_string(options_.call.count()) + " ms"));
  co_return std::unexpected(*error_);
}

void Connection::Flush() {
  if (flushing_ || error_ || !writing_.empty()) return;
  flushing_ = true;
  boost::asio::post(executor_, [self = shared_from_this()] {
    self->flushing_ = false;
    self->Write();
  });
}

void Connection::Write() {
  if (error_ || !writing_.empty() || out_.empty() || !stream_) return;
  std::swap(writing_, out_);
  wrote_ = true;
  stream_->Write(writing_, [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
    self->writing_.clear();
    if (self->error_) return;
    if (error) return self->Abort(self->Broken(error.message()));
    self->Write();
    if (self->handler_ != nullptr) self->handler_->OnRoom();
  });
}

// Every half interval. Ticks are counted, not time: a process that was stopped itself does not take its peer for dead.
void Connection::Beat() {
  beat_alarm_ = timers_.Set(beat_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->error_) return;
    if (++self->silent_beats_ > 4) {
      return self->Abort(self->Broken("nothing came from it for two heartbeat intervals"));
    }
    if (!std::exchange(self->wrote_, false)) {
      AppendHeartbeat(self->out_);
      self->Write();
    }
    self->Beat();
  });
}

void Connection::Abort(Error error) {
  if (error_) return;
  const auto self = weak_from_this().lock();
  error_ = std::move(error);
  beat_alarm_.Cancel();
  if (stream_) {
    if (writing_.empty() && !out_.empty()) stream_->WriteNow(out_);
    stream_->Close();
  }
  for (const auto& channel : std::exchange(channels_, {})) {
    if (channel) channel->End(*error_, nullptr);
  }
  ConnectionHandler* handler = std::exchange(handler_, nullptr);
  if (handler != nullptr) handler->OnRoom();
  ended_.NotifyAll();
}

Task<void> Connection::Ended() {
  const auto self = shared_from_this();
  while (!error_) co_await ended_.Wait();
}

Task<void> Connection::Close() {
  if (error_) co_return;
  const auto self = shared_from_this();
  AppendClose(out_, 0, Method::kConnectionClose, reply::kSuccess, "goodbye");
  const auto own = channels_[0];
  const auto waiter = std::make_shared<Waiter>(executor_, Method::kConnectionCloseOk, Method{});
  own->waiters.push_back(waiter);
  Flush();
  co_await waiter->signal.WaitFor(timers_, std::chrono::seconds(1));
  Abort(Broken("it was closed"));
}

Task<Result<std::unique_ptr<Channel>>> Connection::OpenChannel(ChannelHandler* handler) {
  if (error_) co_return std::unexpected(*error_);
  std::size_t number = 1;
  while (number < channels_.size() && channels_[number]) ++number;
  if (number > channel_max_) {
    co_return Fail(ErrorCode::kUnavailable,
                   "all " + std::to_string(channel_max_) + " channels of " + peer_ + " are in use");
  }
  if (number == channels_.size()) channels_.emplace_back();
  channels_[number] = std::make_shared<ChannelState>(handler, options_.most_body);
  auto channel = std::make_unique<Channel>(shared_from_this(), static_cast<std::uint16_t>(number));
  AppendChannelOpen(out_, channel->number());
  const auto opened = co_await channel->Expect(Method::kChannelOpenOk);
  if (!opened) co_return std::unexpected(opened.error());
  co_return channel;
}

Channel::Channel(std::shared_ptr<Connection> connection, std::uint16_t number)
    : connection_(std::move(connection)), number_(number), state_(connection_->channels_[number]) {}

Channel::~Channel() {
  state_->handler = nullptr;
  if (!open()) return;
  state_->closing = true;
  state_->End(Error(ErrorCode::kUnavailable, "the channel was closed"), nullptr);
  AppendClose(connection_->out_, number_, Method::kChannelClose, reply::kSuccess, "done");
  connection_->Flush();
}

void Channel::Detach() { state_->handler = nullptr; }

bool Channel::open() const { return state_->open && connection_->open(); }

Task<Result<Reply>> Channel::Expect(Method first, Method second) { return connection_->Expect(state_, first, second); }

}  // namespace tidings::messaging::rabbitmq
