// What interop.test.mjs drives: the messaging library over a RabbitMQ, one JSON line in, one out.
//
//   interop amqp://guest:guest@127.0.0.1:5672
//   {"op":"declare","queue":"q"}                       a queue as the library makes it
//   {"op":"publish","queue":"q","message":{…}}         id, type, key, body and headers; the last two in base64
//   {"op":"take","queue":"q","then":"ack"}             or nack, bury, or retry with "delay" in milliseconds
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

namespace tidings::messaging {
namespace {

namespace asio = boost::asio;

std::string TextOf(const json::object& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string Decoded(std::string_view base64) { return Base64Decode(base64).value_or(std::string()); }

Message MessageFrom(const json::object& from) {
  Message message = Message::WithId(TextOf(from, "id"), TextOf(from, "type"), Decoded(TextOf(from, "body")));
  message.key = TextOf(from, "key");
  if (const auto* const headers = from.if_contains("headers")) {
    for (const auto& [name, value] : headers->as_object()) message.headers.Set(name, Decoded(value.as_string()));
  }
  return message;
}

json::object Shown(const Delivery& delivery) {
  const Message& message = delivery.message();
  json::object headers;
  for (const auto& [name, value] : message.headers) headers[name] = Base64Encode(value);
  return {{"id", message.id},
          {"type", message.type},
          {"key", message.key},
          {"headers", headers},
          {"body", Base64Encode(message.body)},
          {"attempt", delivery.attempt()}};
}

Task<Status> Settle(Delivery& delivery, const json::object& asked, Millis now) {
  const std::string then = TextOf(asked, "then");
  if (then == "nack") co_return co_await delivery.Nack();
  if (then == "bury") co_return co_await delivery.Bury(DeathReason::kRejected, "not wanted", now);
  if (then == "retry") {
    const auto* const delay = asked.if_contains("delay");
    const std::chrono::milliseconds later(delay != nullptr ? delay->as_int64() : 0);
    co_return co_await delivery.Retry("not yet", later, now);
  }
  co_return co_await delivery.Ack();
}

Task<Result<json::object>> Do(Transport& transport, Timers& timers, json::object asked) {
  const std::string op = TextOf(asked, "op");
  const std::string queue = TextOf(asked, "queue");
  json::object answer;
  if (op == "declare") {
    Topology topology;
    topology.AddQueue(queue);
    const Status declared = co_await transport.Declare(std::move(topology));
    if (!declared) co_return std::unexpected(declared.error());
  } else if (op == "publish") {
    Address to = Address::Queue(queue);
    const auto published =
        co_await transport.Publish(std::move(to), MessageFrom(asked["message"].as_object()), PublishOptions());
    if (!published) co_return std::unexpected(published.error());
  } else if (op == "take") {
    auto popped = co_await transport.Pop(queue, std::chrono::seconds(20));
    if (!popped) co_return std::unexpected(popped.error());
    if (!*popped) co_return Fail(ErrorCode::kNotFound, "no message came into queue " + queue);
    answer["message"] = Shown(**popped);
    const Status settled = co_await Settle(**popped, asked, timers.Now());
    if (!settled) co_return std::unexpected(settled.error());
  } else {
    co_return Fail(ErrorCode::kInvalid, "there is no op " + op);
  }
  answer["ok"] = true;
  co_return answer;
}

// Until its input ends.
Task<void> Serve(Transport& transport, Timers& timers) {
  asio::posix::stream_descriptor input(transport.executor(), ::dup(STDIN_FILENO));
  std::string buffer;
  for (;;) {
    boost::system::error_code ended;
    const std::size_t size = co_await asio::async_read_until(input, asio::dynamic_buffer(buffer), '\n',
                                                             asio::redirect_error(asio::use_awaitable, ended));
    if (ended) break;
    const auto asked = json::Parse(std::string_view(buffer).substr(0, size));
    buffer.erase(0, size);
    json::object answer;
    if (asked && asked->is_object()) {
      auto done = co_await Do(transport, timers, asked->as_object());
      answer = done ? std::move(*done) : json::object{{"error", done.error().message()}};
    } else {
      answer["error"] = "the line is no JSON object";
    }
    std::puts(json::serialize(answer).c_str());
    std::fflush(stdout);
  }
  co_await transport.Close();
}

}  // namespace
}  // namespace tidings::messaging

int main(int argc, char** argv) {
  using namespace tidings::messaging;  // NOLINT(google-build-using-namespace): a program of its own
  if (argc != 2) {
    std::fprintf(stderr, "usage: interop AMQP-URL\n");
    return 2;
  }
  boost::asio::io_context context;
  SystemTimers timers(context.get_executor());
  LossLedger ledger;
  auto transport = RabbitTransport::Make(context.get_executor(), timers, ledger, RabbitOptions(argv[1]));
  if (!transport) {
    std::fprintf(stderr, "interop: %s\n", transport.error().message().c_str());
    return 2;
  }
  boost::asio::co_spawn(context, Serve(**transport, timers), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
}
