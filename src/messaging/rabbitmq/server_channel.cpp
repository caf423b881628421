#include "server_channel.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include <tidings/base/log.hpp>

#include "message_codec.hpp"
#include "properties.hpp"
#include "server_methods.hpp"
#include "server_origin.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// Answers that a client has not read, before it gets another one.
constexpr std::size_t kMostUnread = 1024 * 1024;

Refusal Malformed() { return Refusal(reply::kSyntaxError, "the method is malformed"); }

// Milliseconds in decimal (basic.expiration).
bool ReadExpiration(std::string_view text, std::chrono::milliseconds& ttl) {
  std::int64_t read = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  if (error != std::errc() || end != text.data() + text.size() || read < 0) return false;
  ttl = std::chrono::milliseconds(read);
  return true;
}

// RabbitMQ's sender-selected distribution.
bool CopiesElsewhere(std::string_view headers) {
  if (!headers.contains("CC")) return false;
  const auto table = ReadTable(headers);
  return table && (table->Find("CC") != nullptr || table->Find("BCC") != nullptr);
}

}  // namespace

ServerChannel::ServerChannel(std::shared_ptr<ServerSession> session, std::uint16_t number)
    : session_(std::move(session)), number_(number), content_(Message::kMostBody) {}

ServerChannel::~ServerChannel() { session_->FinishContent(begun_); }

void ServerChannel::OnFrame(const Frame& frame) {
  if (frame.type == FrameType::kHeader) {
    const Content::Step step = content_.AddHeader(frame.payload);
    if (step != Content::Step::kMore) return OnContent(step);
    begun_ = content_.body_size();
    if (session_->Begin(begun_)) return;
    return session_->Abort(Refusal(reply::kResourceError, "too much has begun at once; send one message after another"),
                           Method::kBasicPublish);
  }
  if (frame.type == FrameType::kBody) return OnContent(content_.AddBody(frame.payload));
  std::string_view payload = frame.payload;
  const Method method = TakeMethod(payload);
  if (!open_) {
    // We said close: what was on its way then is dropped.
    if (method == Method::kChannelClose) AppendPlain(session_->out(), number_, Method::kChannelCloseOk);
    if (method == Method::kChannelClose || method == Method::kChannelCloseOk) session_->Remove(number_);
    return session_->Flush();
  }
  if (content_.under_way()) return OnContent(Content::Step::kBroken);
  if (method == Method::kBasicPublish) {
    content_.Begin(static_cast<std::uint32_t>(method), payload);
    return;
  }
  Call call;
  call.method = method;
  call.payload = payload;
  Enqueue(std::move(call));
}

void ServerChannel::OnContent(Content::Step step) {
  if (step == Content::Step::kMore) return;
  session_->FinishContent(std::exchange(begun_, 0));
  if (!open_) return;
  if (step == Content::Step::kBroken) {
    return session_->Abort(Refusal(reply::kUnexpectedFrame, "a content is a method, a header and its bodies"),
                           Method::kBasicPublish);
  }
  Call call;
  call.method = Method::kBasicPublish;
  call.payload = content_.method_payload();
  call.properties = content_.properties();
  call.too_large = content_.too_large();
  call.body = std::move(content_.body());
  Enqueue(std::move(call));
}

void ServerChannel::Enqueue(Call call) {
  session_->Hold(call.size());
  calls_.push_back(std::move(call));
  if (std::exchange(running_, true)) return;
  boost::asio::co_spawn(
      session_->state().executor,
      [](std::shared_ptr<ServerChannel> self) -> Task<void> { co_await self->Run(); }(shared_from_this()),
      boost::asio::detached);
}

Task<void> ServerChannel::Run() {
  while (!calls_.empty()) {
    Call call = std::move(calls_.front());
    calls_.pop_front();
    const std::size_t size = call.size();
    MaybeRefused refused;
    if (open_) {
      switch (call.method) {
        case Method::kBasicAck:
        case Method::kBasicNack:
        case Method::kBasicReject: refused = Settle(call.method, call.payload); break;
        case Method::kBasicPublish: refused = StartPublish(call); break;
        default:
          co_await Read();
          refused = co_await Do(call);
          break;
      }
    }
    session_->Release(size);
    if (refused) Refuse(*refused, call.method);
  }
  running_ = false;
  Done();
}

Task<ServerChannel::MaybeRefused> ServerChannel::Do(const Call& call) {
  const std::string_view payload = call.payload;
  // In the order of the channel: an answer says that all before it is done.
  if (call.method != Method::kBasicQos && call.method != Method::kBasicConsume) co_await Quiet();
  bool bit = false;
  switch (call.method) {
    case Method::kExchangeDeclare: co_return co_await DeclareExchange(payload);
    case Method::kQueueDeclare: co_return co_await DeclareQueue(payload);
    case Method::kQueueBind: co_return co_await Bind(payload);
    case Method::kQueuePurge: co_return co_await PurgeQueue(payload);
    case Method::kQueueDelete: co_return co_await DeleteQueue(payload);
    case Method::kBasicConsume: co_return co_await Consume(payload);
    case Method::kBasicCancel: co_return co_await Cancel(payload);
    case Method::kBasicGet: co_return co_await Get(payload);
    case Method::kBasicRecover: co_return co_await Recover(payload);
    case Method::kChannelClose: co_return co_await Close();
    case Method::kBasicQos: co_return SetQos(payload);
    case Method::kChannelFlow: co_return SetFlow(payload);
    case Method::kConfirmSelect:
      if (!ReadBit(payload, bit)) co_return Malformed();
      confirming_ = true;
      if (!bit) AppendPlain(session_->out(), number_, Method::kConfirmSelectOk);
      session_->Flush();
      co_return std::nullopt;
    case Method::kChannelFlowOk:
    case Method::kBasicCancelOk: co_return std::nullopt;
    case Method::kQueueUnbind:
      co_return Refusal(reply::kNotImplemented, "queue.unbind is not there; delete the queue and declare it anew");
    case Method::kTxSelect:
      co_return Refusal(reply::kNotImplemented, "there are no transactions; use publisher confirms");
    case Method::kExchangeDelete:
    case Method::kExchangeBind:
    case Method::kExchangeUnbind:
      co_return Refusal(reply::kNotImplemented, "exchanges are declared only; bind queues to them");
    default: co_return Refusal(reply::kNotImplemented, "this method is not there");
  }
}

ServerChannel::MaybeRefused ServerChannel::SetQos(std::string_view payload) {
  QosRequest request;
  if (!ReadQos(payload, request)) return Malformed();
  if (request.bytes != 0) return Refusal(reply::kNotImplemented, "a prefetch is a number of messages, not of bytes");
  (request.global ? channel_prefetch_ : prefetch_) = request.messages;
  AppendPlain(session_->out(), number_, Method::kBasicQosOk);
  session_->Flush();
  session_->changed().NotifyAll();
  return std::nullopt;
}

ServerChannel::MaybeRefused ServerChannel::SetFlow(std::string_view payload) {
  if (!ReadBit(payload, flowing_)) return Malformed();
  AppendFlowOk(session_->out(), number_, flowing_);
  session_->Flush();
  session_->changed().NotifyAll();
  return std::nullopt;
}

ServerChannel::MaybeRefused ServerChannel::Settle(Method method, std::string_view payload) {
  SettleRequest request;
  if (!ReadSettle(method, payload, request)) return Malformed();
  const Outcome outcome = method == Method::kBasicAck ? Outcome::kDone
                          : request.requeue           ? Outcome::kBack
                                                      : Outcome::kRejected;
  const bool all = request.multiple && request.tag == 0;
  const auto end = all ? held_.end() : held_.upper_bound(request.tag);
  const bool known = all || (end != held_.begin() && std::prev(end)->first == request.tag);
  if (!known && !(request.multiple && request.tag <= last_tag_ && request.tag != 0)) {
    return Refusal(reply::kPreconditionFailed, "unknown delivery tag " + std::to_string(request.tag));
  }
  if (!request.multiple) {
    SettleOne(std::move(held_.extract(request.tag).mapped()), outcome);
    return std::nullopt;
  }
  std::map<std::uint64_t, Held> settled;
  // Of several the last one goes back first, so that the first one comes first again.
  while (held_.begin() != end) settled.insert(held_.extract(held_.begin()));
  if (outcome == Outcome::kBack) {
    while (!settled.empty()) SettleOne(std::move(settled.extract(std::prev(settled.end())).mapped()), outcome);
  } else {
    while (!settled.empty()) SettleOne(std::move(settled.extract(settled.begin()).mapped()), outcome);
  }
  return std::nullopt;
}

std::uint64_t ServerChannel::Hold(Delivery delivery) {
  Held held(std::move(delivery));
  session_->HandOut(held.bytes);
  held_.emplace(++last_tag_, std::move(held));
  return last_tag_;
}

void ServerChannel::SettleOne(Held held, Outcome outcome) {
  session_->TakeBack(held.bytes);
  ++settling_;
  boost::asio::co_spawn(session_->state().executor, SettleTask(std::move(held), outcome), boost::asio::detached);
}

Task<void> ServerChannel::SettleTask(Held held, Outcome outcome) {
  const auto self = shared_from_this();
  Delivery& delivery = held.delivery;
  Status settled;
  switch (outcome) {
    case Outcome::kDone: settled = co_await delivery.Ack(); break;
    // Dropped: it comes again as one that was handed out before, by which consumers tell, and is counted against a limit.
    case Outcome::kBack: break;
    case Outcome::kRejected: {
      const Millis now = session_->state().timers.Now();
      // What comes from the dead letters themselves has nowhere else to go.
      settled = co_await delivery.Bury(DeathReason::kRejected, "rejected by its consumer", now);
      break;
    }
  }
  // kConflict: it is handed out again, as it would be after a broken connection.
  if (!settled && settled.error().code() != ErrorCode::kConflict) {
    log::Warning("amqp_not_settled", {{"queue", delivery.queue()}, {"reason", settled.error().message()}});
  }
  {
    const Held dropped = std::move(held);
  }
  --settling_;
  Done();
}

ServerChannel::MaybeRefused ServerChannel::StartPublish(Call& call) {
  PublishRequest request;
  Properties properties;
  if (!ReadPublish(call.payload, request) || !ReadProperties(call.properties, properties)) return Malformed();
  if (request.immediate) return Refusal(reply::kNotImplemented, "immediate is not there");
  if (call.too_large) {
    return Refusal(reply::kContentTooLarge, "a body has at most " + std::to_string(Message::kMostBody) + " bytes");
  }
  const ServerState& state = session_->state();
  if (!request.exchange.empty() && !state.HasExchange(request.exchange)) {
    return Refusal(reply::kNotFound, "no exchange '" + std::string(request.exchange) + "' in vhost '/'");
  }
  if (CopiesElsewhere(properties.headers)) {
    return Refusal(reply::kNotImplemented, "CC and BCC are not there; bind queues, or publish once for each");
  }
  if (properties.Has(Properties::kUserId) && properties.user_id != state.options.user) {
    return Refusal(reply::kPreconditionFailed, "user_id is not the user of this connection");
  }
  auto read = ReadMessage(call.properties, call.body, false, "", Strictness::kStrict);
  if (!read) return Refusal::Of(read.error());
  PublishOptions options;
  options.require_route = request.mandatory;
  if (properties.Has(Properties::kExpiration)) {
    std::chrono::milliseconds ttl{0};
    if (!ReadExpiration(properties.expiration, ttl)) {
      return Refusal(reply::kPreconditionFailed, "expiration is a number of milliseconds in decimal");
    }
    options.ttl = ttl;
  }
  PublishedAt at{std::string(request.exchange), std::string(request.routing_key)};
  Address to =
      request.exchange.empty() ? Address::Queue(at.routing_key) : Address::Exchange(at.exchange, at.routing_key);
  if (const Onward* delay = request.exchange.empty() ? state.FindDelay(request.routing_key) : nullptr) {
    to = Address::Queue(delay->target);
    // The shorter one counts, as it does there.
    options.delay = options.ttl ? std::min(*options.ttl, delay->delay) : delay->delay;
    options.ttl.reset();
    read->message.headers.Set(kDelayedIn, at.routing_key);
    read->message.headers.Set(kDelayedTimes, std::to_string(TimesInDeaths(properties.headers, at.routing_key) + 1));
  } else if (!request.exchange.empty()) {
    NoteOrigin(read->message, at);
  }
  std::optional<Message> returned;
  if (request.mandatory) returned = read->message;
  ++publishing_;
  boost::asio::co_spawn(state.executor,
                        Publish(Outgoing(std::move(to), std::move(read->message), options),
                                confirming_ ? ++published_ : 0, std::move(returned), std::move(at)),
                        boost::asio::detached);
  return std::nullopt;
}

Task<void> ServerChannel::Publish(Outgoing outgoing, std::uint64_t tag, std::optional<Message> returned,
                                  PublishedAt at) {
  const auto self = shared_from_this();
  const std::size_t size = outgoing.message.body.size();
  session_->Hold(size);
  const auto published =
      co_await session_->transport().Publish(std::move(outgoing.to), std::move(outgoing.message), outgoing.options);
  session_->Release(size);
  --publishing_;
  if (open()) {
    const ErrorCode code = published ? ErrorCode::kInternal : published.error().code();
    const bool unrouted = !published && code == ErrorCode::kNotFound && returned;
    std::string& out = session_->out();
    if (unrouted) {
      Returned why;
      why.code = reply::kNoRoute;
      why.text = "NO_ROUTE";
      why.exchange = at.exchange;
      why.routing_key = at.routing_key;
      AppendReturn(out, number_, why);
      Publication publication;
      publication.omitted = kOriginHeaders;
      AppendContent(out, number_, session_->frame_max(), publication, *returned);
    }
    const bool lasting = code == ErrorCode::kInvalid || code == ErrorCode::kTooLarge || code == ErrorCode::kForbidden;
    if (published || unrouted) {
      if (tag != 0) AppendAck(out, number_, tag, false);
    } else if (tag != 0 && !lasting) {
      AppendNack(out, number_, tag, false, false);
    } else {
      // Whoever asks for no confirms has to be told in another way.
      Refusal refusal = Refusal::Of(published.error());
      if (code == ErrorCode::kInvalid) refusal.code = reply::kAccessRefused;
      Refuse(refusal, Method::kBasicPublish);
    }
    session_->Flush();
  }
  Done();
}

void ServerChannel::Done() {
  if (!busy() || (publishing_ == 0 && settling_ == 0)) session_->changed().NotifyAll();
}

Task<void> ServerChannel::Quiet() {
  while (publishing_ > 0 || settling_ > 0) co_await session_->changed().Wait();
}

Task<void> ServerChannel::Read() {
  while (open() && session_->unsent() > kMostUnread) co_await session_->changed().Wait();
}

void ServerChannel::Refuse(const Refusal& refusal, Method method) {
  if (!open()) return;
  if (refusal.ends_connection()) return session_->Abort(refusal, method);
  log::Info("amqp_channel_closed", {{"channel", number_}, {"reason", refusal.Shown()}});
  open_ = false;
  AppendClose(session_->out(), number_, Method::kChannelClose, refusal.code, refusal.Shown(), method);
  session_->Flush();
  boost::asio::co_spawn(
      session_->state().executor,
      [](std::shared_ptr<ServerChannel> self) -> Task<void> { co_await self->End(); }(shared_from_this()),
      boost::asio::detached);
}

Task<ServerChannel::MaybeRefused> ServerChannel::Recover(std::string_view payload) {
  bool requeue = false;
  if (!ReadBit(payload, requeue)) co_return Malformed();
  if (!requeue) co_return Refusal(reply::kNotImplemented, "basic.recover gives back only: set requeue");
  GiveBack(std::exchange(held_, {}));
  AppendPlain(session_->out(), number_, Method::kBasicRecoverOk);
  session_->Flush();
  co_return std::nullopt;
}

// Dropped, the last one first: the first one is to come first again.
void ServerChannel::GiveBack(std::map<std::uint64_t, Held> held) {
  while (!held.empty()) session_->TakeBack(held.extract(std::prev(held.end())).mapped().bytes);
}

Task<ServerChannel::MaybeRefused> ServerChannel::Close() {
  open_ = false;
  co_await End();
  AppendPlain(session_->out(), number_, Method::kChannelCloseOk);
  session_->Flush();
  session_->Remove(number_);
  co_return std::nullopt;
}

Task<void> ServerChannel::End() {
  const auto self = shared_from_this();
  open_ = false;
  session_->changed().NotifyAll();
  while (!consumers_.empty()) co_await StopConsumer(consumers_.begin()->first);
  GiveBack(std::exchange(held_, {}));
}

}  // namespace tidings::messaging::rabbitmq
