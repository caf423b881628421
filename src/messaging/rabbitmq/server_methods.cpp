#include "server_methods.hpp"

#include <algorithm>

#include "method_frame.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

// Of the octet that holds a method's bits.
bool Bit(std::uint8_t bits, int place) { return (bits >> place & 1) != 0; }

std::string Member(const Value& table, std::string_view name) {
  const Value* member = table.Find(name);
  // What is told of a client is logged.
  return member != nullptr ? member->Text().substr(0, 64) : std::string();
}

}  // namespace

bool ReadStartOk(std::string_view payload, StartOk& start) {
  Reader reader(payload);
  const auto properties = ReadTable(reader.LongText());
  start.mechanism = reader.ShortText();
  const std::string_view response = reader.LongText();
  reader.ShortText();  // locale
  if (!reader.ok() || !properties) return false;
  start.product = Member(*properties, "product");
  start.name = Member(*properties, "connection_name");
  if (const Value* capabilities = properties->Find("capabilities")) {
    const Value* closes = capabilities->Find("authentication_failure_close");
    start.closes_on_refusal = closes != nullptr && closes->IsTrue();
    const Value* cancel = capabilities->Find("consumer_cancel_notify");
    start.takes_cancel = cancel != nullptr && cancel->IsTrue();
  }
  if (start.mechanism != "PLAIN") return true;
  // RFC 4616: authorization identity, NUL, user, NUL, password.
  const std::size_t first = response.find('\0');
  const std::size_t second = first == std::string_view::npos ? first : response.find('\0', first + 1);
  if (second == std::string_view::npos) return false;
  start.user = response.substr(first + 1, second - first - 1);
  start.password = response.substr(second + 1);
  return true;
}

bool ReadConnectionOpen(std::string_view payload, std::string_view& vhost) {
  Reader reader(payload);
  vhost = reader.ShortText();
  return reader.ok();
}

bool ReadExchangeDeclare(std::string_view payload, ExchangeRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.name = reader.ShortText();
  request.type = reader.ShortText();
  const std::uint8_t bits = reader.U8();
  request.passive = Bit(bits, 0);
  request.durable = Bit(bits, 1);
  request.auto_delete = Bit(bits, 2);
  request.internal = Bit(bits, 3);
  request.no_wait = Bit(bits, 4);
  request.arguments = reader.LongText();
  return reader.ok();
}

bool ReadQueueDeclare(std::string_view payload, QueueRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.name = reader.ShortText();
  const std::uint8_t bits = reader.U8();
  request.arguments.passive = Bit(bits, 0);
  request.arguments.durable = Bit(bits, 1);
  request.arguments.exclusive = Bit(bits, 2);
  request.arguments.auto_delete = Bit(bits, 3);
  request.no_wait = Bit(bits, 4);
  request.arguments.table = reader.LongText();
  return reader.ok();
}

bool ReadQueueBind(std::string_view payload, BindRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.queue = reader.ShortText();
  request.exchange = reader.ShortText();
  request.routing_key = reader.ShortText();
  request.no_wait = Bit(reader.U8(), 0);
  return reader.ok();
}

bool ReadQueuePurge(std::string_view payload, EndRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.queue = reader.ShortText();
  request.no_wait = Bit(reader.U8(), 0);
  return reader.ok();
}

bool ReadQueueDelete(std::string_view payload, EndRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.queue = reader.ShortText();
  const std::uint8_t bits = reader.U8();
  request.if_unused = Bit(bits, 0);
  request.if_empty = Bit(bits, 1);
  request.no_wait = Bit(bits, 2);
  return reader.ok();
}

bool ReadQos(std::string_view payload, QosRequest& request) {
  Reader reader(payload);
  request.bytes = reader.U32();
  request.messages = reader.U16();
  request.global = Bit(reader.U8(), 0);
  return reader.ok();
}

bool ReadConsume(std::string_view payload, ConsumeRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.queue = reader.ShortText();
  request.tag = reader.ShortText();
  const std::uint8_t bits = reader.U8();  // no-local, no-ack, exclusive, no-wait
  request.no_ack = Bit(bits, 1);
  request.exclusive = Bit(bits, 2);
  request.no_wait = Bit(bits, 3);
  request.arguments = reader.LongText();
  return reader.ok();
}

bool ReadCancel(std::string_view payload, std::string_view& tag, bool& no_wait) {
  Reader reader(payload);
  tag = reader.ShortText();
  no_wait = Bit(reader.U8(), 0);
  return reader.ok();
}

bool ReadGet(std::string_view payload, GetRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.queue = reader.ShortText();
  request.no_ack = Bit(reader.U8(), 0);
  return reader.ok();
}

bool ReadSettle(Method method, std::string_view payload, SettleRequest& request) {
  Reader reader(payload);
  request.tag = reader.U64();
  const std::uint8_t bits = reader.U8();
  request.multiple = method != Method::kBasicReject && Bit(bits, 0);
  request.requeue = method == Method::kBasicReject ? Bit(bits, 0) : method == Method::kBasicNack && Bit(bits, 1);
  return reader.ok();
}

bool ReadBit(std::string_view payload, bool& bit) {
  Reader reader(payload);
  bit = Bit(reader.U8(), 0);
  return reader.ok();
}

bool ReadPublish(std::string_view payload, PublishRequest& request) {
  Reader reader(payload);
  reader.U16();
  request.exchange = reader.ShortText();
  request.routing_key = reader.ShortText();
  const std::uint8_t bits = reader.U8();
  request.mandatory = Bit(bits, 0);
  request.immediate = Bit(bits, 1);
  return reader.ok();
}

void AppendStart(std::string& out, std::string_view version) {
  MethodFrame frame(out, 0, Method::kConnectionStart);
  frame.writer.U8(0);
  frame.writer.U8(9);
  TableWriter properties(frame.writer);
  properties.Text("product", "tidings").Text("version", version).Text("platform", "C++");
  TableWriter capabilities(properties, "capabilities");
  capabilities.Bool("publisher_confirms", true)
      .Bool("basic.nack", true)
      .Bool("consumer_cancel_notify", true)
      .Bool("authentication_failure_close", true)
      .Bool("per_consumer_qos", true);
  capabilities.End();
  properties.End();
  frame.writer.LongText("PLAIN");
  frame.writer.LongText("en_US");
}

void AppendTune(std::string& out, const Tuning& tuning) {
  MethodFrame frame(out, 0, Method::kConnectionTune);
  frame.writer.U16(tuning.channel_max);
  frame.writer.U32(tuning.frame_max);
  frame.writer.U16(tuning.heartbeat);
}

void AppendConnectionOpenOk(std::string& out) {
  MethodFrame frame(out, 0, Method::kConnectionOpenOk);
  frame.writer.ShortText("");
}

void AppendChannelOpenOk(std::string& out, std::uint16_t channel) {
  MethodFrame frame(out, channel, Method::kChannelOpenOk);
  frame.writer.LongText("");
}

void AppendQueueDeclareOk(std::string& out, std::uint16_t channel, const QueueDeclared& declared) {
  MethodFrame frame(out, channel, Method::kQueueDeclareOk);
  frame.writer.ShortText(declared.queue);
  frame.writer.U32(declared.messages);
  frame.writer.U32(declared.consumers);
}

void AppendMessageCount(std::string& out, std::uint16_t channel, Method method, std::uint32_t messages) {
  MethodFrame frame(out, channel, method);
  frame.writer.U32(messages);
}

void AppendConsumerTag(std::string& out, std::uint16_t channel, Method method, std::string_view tag) {
  MethodFrame frame(out, channel, method);
  frame.writer.ShortText(tag);
}

void AppendCancelled(std::string& out, std::uint16_t channel, std::string_view tag) {
  MethodFrame frame(out, channel, Method::kBasicCancel);
  frame.writer.ShortText(tag);
  frame.writer.U8(1);  // no-wait
}

void AppendDeliver(std::string& out, std::uint16_t channel, const Delivered& delivered) {
  MethodFrame frame(out, channel, Method::kBasicDeliver);
  frame.writer.ShortText(delivered.consumer);
  frame.writer.U64(delivered.tag);
  frame.writer.U8(delivered.redelivered ? 1 : 0);
  frame.writer.ShortText(delivered.exchange);
  frame.writer.ShortText(delivered.routing_key);
}

void AppendGetOk(std::string& out, std::uint16_t channel, const Delivered& delivered, std::uint32_t left) {
  MethodFrame frame(out, channel, Method::kBasicGetOk);
  frame.writer.U64(delivered.tag);
  frame.writer.U8(delivered.redelivered ? 1 : 0);
  frame.writer.ShortText(delivered.exchange);
  frame.writer.ShortText(delivered.routing_key);
  frame.writer.U32(left);
}

void AppendReturn(std::string& out, std::uint16_t channel, const Returned& returned) {
  MethodFrame frame(out, channel, Method::kBasicReturn);
  frame.writer.U16(returned.code);
  frame.writer.ShortText(returned.text);
  frame.writer.ShortText(returned.exchange);
  frame.writer.ShortText(returned.routing_key);
}

void AppendGetEmpty(std::string& out, std::uint16_t channel) {
  MethodFrame frame(out, channel, Method::kBasicGetEmpty);
  frame.writer.ShortText("");
}

}  // namespace tidings::messaging::rabbitmq
