#include "stream_reader.hpp"

#include <boost/asio/post.hpp>

#include <utility>

#include "consumer.hpp"
#include "table.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

constexpr std::string_view kConsumer = "tidings";
constexpr std::string_view kFence = "tidings-fence";

// Without an offset: what the broker calls the place.
std::string OffsetArguments(std::optional<std::uint64_t> from, std::string_view otherwise) {
  std::string text;
  Writer writer(text);
  TableWriter table(writer);
  if (from) {
    table.Integer("x-stream-offset", static_cast<std::int64_t>(*from));
  } else {
    table.Text("x-stream-offset", otherwise);
  }
  table.End();
  return text.substr(4);
}

}  // namespace

// RabbitMQ 3.10.8 in its first half second: 404 "home node … of durable queue … is down or inaccessible", then 406 "does not
// have a replica on the local node".
Error StreamError(const Error& error) {
  const std::string& why = error.message();
  const bool young = why.contains("is down or inaccessible") || why.contains("replica on the local node");
  return young ? Error(ErrorCode::kUnavailable, why) : error;
}

StreamReader::StreamReader(Executor executor, Timers& timers, std::string stream, std::uint16_t prefetch)
    : executor_(std::move(executor)),
      timers_(timers),
      stream_(std::move(stream)),
      prefetch_(prefetch),
      ready_(executor_) {}

StreamReader::~StreamReader() {
  if (channel_) channel_->Detach();
}

// "last" is where the newest chunk begins: 1 to some thousand entries that were written together. queue.declare tells their
// number as it was seconds ago.
Task<Status> StreamReader::Open(std::shared_ptr<Connection> connection, std::optional<std::uint64_t> from) {
  const auto self = shared_from_this();
  auto opened = co_await connection->OpenChannel(this);
  if (!opened) co_return std::unexpected(opened.error());
  channel_ = std::move(*opened);
  const auto channel = channel_;
  up_ = true;
  next_ = from.value_or(0);
  AppendQos(channel->out(), channel->number(), prefetch_);
  auto answer = co_await channel->Expect(Method::kBasicQosOk);
  if (answer && up_) {
    AppendConsume(channel->out(), channel->number(), stream_, kConsumer, false, OffsetArguments(from, "last"));
    answer = co_await channel->Expect(Method::kBasicConsumeOk);
  }
  if (answer && up_) answer = co_await Fence(*channel, false);
  if (answer && up_) co_return Status();
  Stop();
  if (!answer) co_return std::unexpected(StreamError(answer.error()).Within("stream " + stream_));
  co_return Fail(ErrorCode::kUnavailable, "the connection ended while stream " + stream_ + " was opened");
}

// RabbitMQ 3.10.8 (rabbit_stream_queue.erl, osiris_writer.erl): as the channel handles basic.consume it asks the stream's process
// to tell it where the stream ends, and goes on. Only when that has come, late where the stream is busy, it sends all that there
// is, up to the prefetch, in one go; as it does at once when it is asked for more. So whatever has come before an answer of the
// channel has come whole; that nothing has come says nothing. A second consumer makes the channel wait for an answer of the
// stream's process, who has told it of the end before that: what the channel is asked next it handles after it has sent all.
Task<Result<Reply>> StreamReader::Fence(Channel& channel, bool asked) {
  const auto flushed = [&channel] {
    // Of the consumer that comes next; the first one keeps its own.
    AppendQos(channel.out(), channel.number(), 1);
    return channel.Expect(Method::kBasicQosOk);
  };
  auto answer = co_await flushed();
  if (!answer || !up_ || asked || !fetched_.empty()) co_return answer;
  AppendConsume(channel.out(), channel.number(), stream_, kFence, false, OffsetArguments(std::nullopt, "next"));
  answer = co_await channel.Expect(Method::kBasicConsumeOk);
  // It may answer before it has asked the stream's process.
  if (answer && up_) answer = co_await flushed();
  if (answer && up_) {
    AppendCancel(channel.out(), channel.number(), kFence);
    answer = co_await channel.Expect(Method::kBasicCancelOk);
  }
  co_return answer;
}

StreamItem StreamReader::Take() {
  StreamItem item = std::move(fetched_.front());
  fetched_.pop_front();
  taken_ = item.tag;
  if (fetched_.empty()) next_ = item.offset + 1;
  return item;
}

std::optional<std::uint64_t> StreamReader::TakeNewest() {
  std::optional<std::uint64_t> newest;
  while (!fetched_.empty()) {
    const StreamItem item = Take();
    if (item.placed || newest) newest = item.offset;
  }
  Stop();
  return newest;
}

Task<void> StreamReader::Wait(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  if (fetched_.empty() && up_) co_await ready_.WaitFor(timers_, timeout);
}

void StreamReader::Settle() {
  if (!up_ || taken_ == 0) return;
  AppendAck(channel_->out(), channel_->number(), taken_, true);
  channel_->Flush();
  taken_ = 0;
}

Task<Status> StreamReader::CatchUp() {
  const auto self = shared_from_this();
  const auto channel = channel_;
  if (!channel) co_return Fail(ErrorCode::kUnavailable, "stream " + stream_ + " is not read any more");
  const bool asked = taken_ > 0;
  Settle();
  if (const auto answer = co_await Fence(*channel, asked); !answer) co_return std::unexpected(answer.error());
  co_return Status();
}

void StreamReader::Stop() {
  up_ = false;
  if (const auto channel = std::exchange(channel_, nullptr)) channel->Detach();
  ready_.NotifyAll();
}

void StreamReader::OnContent(Content& content) {
  Delivered delivered;
  if (content.method() != static_cast<std::uint32_t>(Method::kBasicDeliver) ||
      !ReadDeliver(content.method_payload(), delivered) || delivered.consumer != kConsumer) {
    return;
  }
  StreamItem item;
  item.tag = delivered.tag;
  const std::uint64_t expected = fetched_.empty() ? next_ : fetched_.back().offset + 1;
  // What another client wrote is taken as far as it can be.
  auto received = ReadMessage(content.properties(), content.body(), false, stream_, Strictness::kLenient);
  if (received && !content.too_large()) {
    item.offset = received->offset.value_or(expected);
    item.message = std::move(received->message);
    item.stamp = std::move(received->stamp);
  } else {
    const std::string why = content.too_large() ? "the body has " + std::to_string(content.body_size()) +
                                                      " bytes, more than this client takes in"
                                                : received.error().message();
    item.placed = received && received->offset;
    item.offset = item.placed ? *received->offset : expected;
    item.message = Undecodable(content.properties(), std::move(content.body()), stream_, why, timers_.Now());
  }
  fetched_.push_back(std::move(item));
  ready_.NotifyOne();
}

void StreamReader::OnClosed(const Error&, const CloseReason*) {
  up_ = false;
  // The channel's object is let go outside of its own call.
  boost::asio::post(executor_, [dead = std::exchange(channel_, nullptr)] {});
  ready_.NotifyAll();
}

}  // namespace tidings::messaging::rabbitmq
