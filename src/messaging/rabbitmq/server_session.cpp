#include "server_session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <utility>

#include <tidings/base/bytes.hpp>
#include <tidings/base/log.hpp>

#include "server_channel.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kServerChannels = 2047;
// What came and is not done yet; what is not sent yet.
constexpr std::size_t kMostHeld = 32 * 1024 * 1024;
constexpr std::size_t kMostUnsentReplies = 4 * 1024 * 1024;
// Written at once: the end of each write shows that the client reads.
constexpr std::size_t kWrite = 256 * 1024;
// Contents that have begun and are not whole, by the sizes that their headers claim.
constexpr std::uint64_t kMostBegun = 64 * 1024 * 1024;
constexpr std::size_t kMostConsumers = 1'000;
constexpr std::size_t kMostQueues = 1'000;
// Whoever tries passwords gets one answer a second.
constexpr std::chrono::milliseconds kPauseAfterRefusal = 1s;
// For close-ok.
constexpr std::chrono::milliseconds kLastWait = 2s;
constexpr std::chrono::milliseconds kMostSettling = 5s;

}  // namespace

ServerSession::ServerSession(std::shared_ptr<ServerState> state, SessionHost& host, std::string peer)
    : state_(std::move(state)), host_(&host), peer_(std::move(peer)), changed_(state_->executor) {}

void ServerSession::Start() {
  deadline_ = state_->timers.Set(state_->options.handshake, [this] {
    state_->Refused(peer_, "", "it did not log in in time");
    Finish();
  });
}

void ServerSession::Receive(std::string_view bytes) {
  silent_beats_ = 0;
  if (late_ || deaf_ || phase_ == Phase::kEnded) return;
  in_ += bytes;
  std::string_view rest = in_;
  if (phase_ == Phase::kHeader) {
    if (rest.size() < kProtocolHeader.size()) return;
    if (!rest.starts_with(kProtocolHeader)) {
      // §4.2.2: what would have been right.
      out_ += kProtocolHeader;
      return Finish();
    }
    rest.remove_prefix(kProtocolHeader.size());
    phase_ = Phase::kStart;
    AppendStart(out_, state_->options.version);
    Flush();
  }
  Frame frame;
  while (phase_ != Phase::kEnded && !late_) {
    const FrameStep step = TakeFrame(rest, frame_max_, frame);
    if (step == FrameStep::kMore) break;
    if (step == FrameStep::kBroken) {
      // Where the next frame would begin is not known.
      deaf_ = true;
      in_.clear();
      return Abort(Refusal(reply::kFrameError, "this is no AMQP frame, or it is larger than was agreed"), Method{});
    }
    OnFrame(frame);
  }
  in_.erase(0, in_.size() - rest.size());
}

void ServerSession::OnFrame(const Frame& frame) {
  if (frame.type == FrameType::kHeartbeat) return;
  if (frame.channel != 0) {
    if (phase_ == Phase::kRunning) OnChannelFrame(frame);
    if (phase_ < Phase::kRunning) Abort(Refusal(reply::kUnexpectedFrame, "log in first"), Method{});
    return;
  }
  if (frame.type != FrameType::kMethod) {
    return Abort(Refusal(reply::kUnexpectedFrame, "channel 0 carries no content"), Method{});
  }
  std::string_view payload = frame.payload;
  const Method method = TakeMethod(payload);
  OnConnectionMethod(method, payload);
}

void ServerSession::OnConnectionMethod(Method method, std::string_view payload) {
  if (method == Method::kConnectionCloseOk && phase_ == Phase::kClosing) return Finish();
  if (method == Method::kConnectionClose) {
    if (phase_ == Phase::kRunning) return Leave();
    if (phase_ == Phase::kLeaving) return;
    AppendPlain(out_, 0, Method::kConnectionCloseOk);
    return Finish();
  }
  if (phase_ == Phase::kClosing || phase_ == Phase::kLeaving) return;
  if (method == Method::kConnectionStartOk && phase_ == Phase::kStart) return OnStartOk(payload);
  if (method == Method::kConnectionTuneOk && phase_ == Phase::kTune) return OnTuneOk(payload);
  if (method == Method::kConnectionOpen && phase_ == Phase::kOpen) return OnOpen(payload);
  Abort(Refusal(reply::kCommandInvalid, "this method does not belong here"), method);
}

void ServerSession::OnStartOk(std::string_view payload) {
  StartOk start;
  if (!ReadStartOk(payload, start)) {
    return Abort(Refusal(reply::kSyntaxError, "connection.start-ok is malformed"), Method::kConnectionStartOk);
  }
  product_ = start.product + (start.name.empty() ? "" : " (" + start.name + ")");
  takes_cancel_ = start.takes_cancel;
  closes_on_refusal_ = start.closes_on_refusal;
  const AmqpServerOptions& options = state_->options;
  const bool user = ConstantTimeEqual(start.user, options.user);
  const bool password = ConstantTimeEqual(start.password, options.password);
  if (start.mechanism == "PLAIN" && user && password && !options.password.empty()) {
    phase_ = Phase::kTune;
    Tuning tuning;
    tuning.channel_max = kServerChannels;
    tuning.frame_max = kMostFrameMax;
    tuning.heartbeat = options.heartbeat;
    AppendTune(out_, tuning);
    return Flush();
  }
  state_->Refused(peer_, product_, "wrong user or password");
  late_ = true;
  deadline_ = state_->timers.Set(kPauseAfterRefusal, [this] {
    late_ = false;
    // Who does not say that it reads a close takes the connection's end for it.
    if (!closes_on_refusal_) return Finish();
    Abort(Refusal(reply::kAccessRefused, "the user or the password is wrong, or the mechanism is not PLAIN"), Method{});
  });
}

void ServerSession::OnTuneOk(std::string_view payload) {
  Tuning tuning;
  if (!ReadTune(payload, tuning)) {
    return Abort(Refusal(reply::kSyntaxError, "connection.tune-ok is malformed"), Method::kConnectionTuneOk);
  }
  channel_max_ = tuning.channel_max == 0 ? kServerChannels : tuning.channel_max;
  frame_max_ = tuning.frame_max == 0 ? kMostFrameMax : tuning.frame_max;
  if (channel_max_ > kServerChannels || frame_max_ < kLeastFrameMax || frame_max_ > kMostFrameMax) {
    frame_max_ = kLeastFrameMax;
    return Abort(Refusal(reply::kNotAllowed, "more channels or larger frames than were offered, or frames below 4096"),
                 Method::kConnectionTuneOk);
  }
  beat_ = std::chrono::milliseconds(tuning.heartbeat * 1000 / 2);
  phase_ = Phase::kOpen;
}

void ServerSession::OnOpen(std::string_view payload) {
  std::string_view vhost;
  if (!ReadConnectionOpen(payload, vhost)) {
    return Abort(Refusal(reply::kSyntaxError, "connection.open is malformed"), Method::kConnectionOpen);
  }
  // Some clients make "" of an address that ends in a slash.
  if (vhost != "/" && !vhost.empty()) {
    return Abort(Refusal(reply::kNotAllowed, "there is no virtual host but \"/\""), Method::kConnectionOpen);
  }
  auto transport = state_->open();
  if (!transport || transport->capabilities().leases) {
    return Abort(Refusal(reply::kInternalError, "there are no queues to be had; try again soon"),
                 Method::kConnectionOpen);
  }
  transport_ = std::move(transport);
  phase_ = Phase::kRunning;
  deadline_.Cancel();
  AppendConnectionOpenOk(out_);
  Flush();
  if (beat_.count() > 0) Beat();
  log::Info("amqp_connected", {{"peer", peer_}, {"client", product_}});
}

void ServerSession::OnChannelFrame(const Frame& frame) {
  const auto found = channels_.find(frame.channel);
  if (found != channels_.end()) {
    // It may take itself away.
    const auto channel = found->second;
    return channel->OnFrame(frame);
  }
  std::string_view payload = frame.payload;
  const Method method = frame.type == FrameType::kMethod ? TakeMethod(payload) : Method{};
  if (method != Method::kChannelOpen) {
    // What was sent before the client knew that its channel is closed.
    if (method == Method::kChannelCloseOk) return;
    return Abort(Refusal(reply::kChannelError, "channel " + std::to_string(frame.channel) + " is not open"), method);
  }
  if (frame.channel > channel_max_) {
    return Abort(Refusal(reply::kNotAllowed, "channels go up to " + std::to_string(channel_max_)), method);
  }
  channels_.emplace(frame.channel, std::make_shared<ServerChannel>(shared_from_this(), frame.channel));
  AppendChannelOpenOk(out_, frame.channel);
  Flush();
}

bool ServerSession::Begin(std::uint64_t body) {
  if (body > kMostBegun - begun_) return false;
  begun_ += body;
  return true;
}

bool ServerSession::AddConsumer() {
  if (consumers_ >= kMostConsumers) return false;
  ++consumers_;
  return true;
}

bool ServerSession::AddQueue() {
  if (queues_ >= kMostQueues) return false;
  ++queues_;
  return true;
}

void ServerSession::Remove(std::uint16_t channel) {
  channels_.erase(channel);
  changed_.NotifyAll();
}

void ServerSession::Abort(const Refusal& refusal, Method method) {
  if (phase_ == Phase::kEnded || phase_ == Phase::kClosing) return;
  if (logged_in()) {
    log::Warning("amqp_closed", {{"peer", peer_}, {"client", product_}, {"reason", refusal.Shown()}});
  } else {
    state_->Refused(peer_, product_, refusal.Shown());
  }
  // Before a client has said who it is there is nothing to say to it.
  if (phase_ == Phase::kHeader) return Finish();
  AppendClose(out_, 0, Method::kConnectionClose, refusal.code, refusal.Shown(), method);
  phase_ = Phase::kClosing;
  deadline_ = state_->timers.Set(kLastWait, [this] { Finish(); });
  changed_.NotifyAll();
  Flush();
}

void ServerSession::Dismiss(std::string_view why) {
  if (phase_ < Phase::kRunning) return Finish();
  Abort(Refusal(reply::kConnectionForced, std::string(why)), Method{});
}

void ServerSession::Leave() {
  phase_ = Phase::kLeaving;
  boost::asio::co_spawn(
      state_->executor,
      [](std::shared_ptr<ServerSession> self) -> Task<void> {
        co_await self->Settled(kMostSettling);
        if (self->phase_ != Phase::kLeaving) co_return;
        AppendPlain(self->out_, 0, Method::kConnectionCloseOk);
        self->Finish();
      }(shared_from_this()),
      boost::asio::detached);
}

void ServerSession::Finish() {
  phase_ = Phase::kEnded;
  deadline_.Cancel();
  beat_alarm_.Cancel();
  changed_.NotifyAll();
  Flush();
}

// Twice in the time that was agreed.
void ServerSession::Beat() {
  if (phase_ == Phase::kEnded) return;
  if (++silent_beats_ > 4) {
    log::Warning("amqp_closed", {{"peer", peer_}, {"client", product_}, {"reason", "it fell silent"}});
    return Finish();
  }
  if (!std::exchange(wrote_, false)) {
    AppendHeartbeat(out_);
    Flush();
  }
  beat_alarm_ = state_->timers.Set(beat_, [this] { Beat(); });
}

std::string ServerSession::TakeOutput() {
  wrote_ = true;
  std::string taken;
  if (out_.size() <= kWrite) {
    taken = std::exchange(out_, {});
  } else {
    taken = out_.substr(0, kWrite);
    out_.erase(0, kWrite);
  }
  writing_ = taken.size();
  return taken;
}

void ServerSession::OnWritten() {
  // Who is sent much, and takes it, is not silent, though nothing is read of it meanwhile.
  if (writing_ >= kWrite) silent_beats_ = 0;
  writing_ = 0;
  changed_.NotifyAll();
}

bool ServerSession::congested() const { return held_ > kMostHeld || unsent() > kMostUnsentReplies; }

Task<void> ServerSession::Room() {
  while (congested() && !ended()) co_await changed_.Wait();
}

void ServerSession::Release(std::size_t bytes) {
  held_ -= std::min(bytes, held_);
  changed_.NotifyAll();
}

void ServerSession::TakeBack(std::size_t bytes) {
  handed_ -= std::min(bytes, handed_);
  changed_.NotifyAll();
}

bool ServerSession::busy() const {
  return std::ranges::any_of(channels_, [](const auto& entry) { return entry.second->busy(); });
}

Task<void> ServerSession::Settled(std::chrono::milliseconds within) {
  const Millis until = state_->timers.Steady() + within.count();
  while (busy()) {
    const Millis left = until - state_->timers.Steady();
    if (left <= 0) co_return;
    co_await changed_.WaitFor(state_->timers, std::chrono::milliseconds(left));
  }
}

Task<void> ServerSession::End() {
  const auto self = shared_from_this();
  Finish();
  // What a client asked for before it went is done, as far as it was understood.
  co_await Settled(kMostSettling);
  for (const auto& [number, channel] : std::exchange(channels_, {})) co_await channel->End();
  if (transport_) {
    log::Info("amqp_disconnected", {{"peer", peer_}, {"client", product_}});
    co_await transport_->Close();
  }
  // What is under way still has nobody to tell any more.
  host_ = nullptr;
}

}  // namespace tidings::messaging::rabbitmq
