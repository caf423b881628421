#include "methods.hpp"

#include "frame.hpp"
#include "method_frame.hpp"

namespace tidings::messaging::rabbitmq {
namespace {

bool Offers(std::string_view mechanisms, std::string_view wanted) {
  while (!mechanisms.empty()) {
    const std::size_t blank = mechanisms.find(' ');
    if (mechanisms.substr(0, blank) == wanted) return true;
    mechanisms.remove_prefix(blank == std::string_view::npos ? mechanisms.size() : blank + 1);
  }
  return false;
}

std::string TextOf(const Value& table, std::string_view name) {
  const Value* member = table.Find(name);
  return member != nullptr ? member->Text() : std::string();
}

}  // namespace

Method TakeMethod(std::string_view& payload) {
  Reader reader(payload);
  const std::uint32_t method = reader.U32();
  payload.remove_prefix(reader.ok() ? 4 : payload.size());
  return static_cast<Method>(method);
}

bool ReadConnectionStart(std::string_view payload, ConnectionStart& start) {
  Reader reader(payload);
  reader.U16();  // version 0.9
  const std::string_view properties = reader.LongText();
  start.plain = Offers(reader.LongText(), "PLAIN");
  reader.LongText();  // locales
  const auto table = ReadTable(properties);
  if (!reader.ok() || !table) return false;
  start.product = TextOf(*table, "product");
  start.version = TextOf(*table, "version");
  if (const Value* capabilities = table->Find("capabilities")) {
    const Value* confirms = capabilities->Find("publisher_confirms");
    start.confirms = confirms != nullptr && confirms->IsTrue();
    const Value* closes = capabilities->Find("authentication_failure_close");
    start.authentication_failure_close = closes != nullptr && closes->IsTrue();
  }
  return true;
}

bool ReadTune(std::string_view payload, Tuning& tuning) {
  Reader reader(payload);
  tuning.channel_max = reader.U16();
  tuning.frame_max = reader.U32();
  tuning.heartbeat = reader.U16();
  return reader.ok();
}

bool ReadClose(std::string_view payload, CloseReason& reason) {
  Reader reader(payload);
  reason.code = reader.U16();
  reason.text = reader.ShortText();
  reason.method = static_cast<Method>(reader.U32());
  return reader.ok();
}

bool ReadQueueDeclareOk(std::string_view payload, QueueDeclared& declared) {
  Reader reader(payload);
  declared.queue = reader.ShortText();
  declared.messages = reader.U32();
  declared.consumers = reader.U32();
  return reader.ok();
}

bool ReadMessageCount(std::string_view payload, std::uint32_t& messages) {
  Reader reader(payload);
  messages = reader.U32();
  return reader.ok();
}

bool ReadDeliver(std::string_view payload, Delivered& delivered) {
  Reader reader(payload);
  delivered.consumer = reader.ShortText();
  delivered.tag = reader.U64();
  delivered.redelivered = (reader.U8() & 1) != 0;
  delivered.exchange = reader.ShortText();
  delivered.routing_key = reader.ShortText();
  return reader.ok();
}

bool ReadGetOk(std::string_view payload, Delivered& delivered) {
  Reader reader(payload);
  delivered.tag = reader.U64();
  delivered.redelivered = (reader.U8() & 1) != 0;
  delivered.exchange = reader.ShortText();
  delivered.routing_key = reader.ShortText();
  reader.U32();  // how many are left
  return reader.ok();
}

bool ReadReturn(std::string_view payload, Returned& returned) {
  Reader reader(payload);
  returned.code = reader.U16();
  returned.text = reader.ShortText();
  returned.exchange = reader.ShortText();
  returned.routing_key = reader.ShortText();
  return reader.ok();
}

bool ReadConfirm(std::string_view payload, Confirm& confirm) {
  Reader reader(payload);
  confirm.tag = reader.U64();
  confirm.multiple = (reader.U8() & 1) != 0;
  return reader.ok();
}

void AppendStartOk(std::string& out, std::string_view user, std::string_view password, std::string_view name) {
  MethodFrame frame(out, 0, Method::kConnectionStartOk);
  TableWriter properties(frame.writer);
  properties.Text("product", "tidings").Text("platform", "C++").Text("connection_name", name);
  TableWriter capabilities(properties, "capabilities");
  capabilities.Bool("authentication_failure_close", true)
      .Bool("basic.nack", true)
      .Bool("connection.blocked", true)
      .Bool("consumer_cancel_notify", true)
      .Bool("publisher_confirms", true);
  capabilities.End();
  properties.End();
  frame.writer.ShortText("PLAIN");
  // RFC 4616: authorization identity (none), NUL, user, NUL, password.
  frame.writer.U32(static_cast<std::uint32_t>(user.size() + password.size() + 2));
  frame.writer.U8(0);
  frame.writer.Bytes(user);
  frame.writer.U8(0);
  frame.writer.Bytes(password);
  frame.writer.ShortText("en_US");
}

void AppendTuneOk(std::string& out, const Tuning& tuning) {
  MethodFrame frame(out, 0, Method::kConnectionTuneOk);
  frame.writer.U16(tuning.channel_max);
  frame.writer.U32(tuning.frame_max);
  frame.writer.U16(tuning.heartbeat);
}

void AppendConnectionOpen(std::string& out, std::string_view vhost) {
  MethodFrame frame(out, 0, Method::kConnectionOpen);
  frame.writer.ShortText(vhost);
  frame.writer.ShortText("");
  frame.writer.U8(0);
}

void AppendClose(std::string& out, std::uint16_t channel, Method method, std::uint16_t code, std::string_view text,
                 Method wrong) {
  MethodFrame frame(out, channel, method);
  frame.writer.U16(code);
  frame.writer.ShortText(text.substr(0, 255));
  frame.writer.U32(static_cast<std::uint32_t>(wrong));
}

void AppendPlain(std::string& out, std::uint16_t channel, Method method) { MethodFrame frame(out, channel, method); }

void AppendChannelOpen(std::string& out, std::uint16_t channel) {
  MethodFrame frame(out, channel, Method::kChannelOpen);
  frame.writer.ShortText("");
}

void AppendFlowOk(std::string& out, std::uint16_t channel, bool active) {
  MethodFrame frame(out, channel, Method::kChannelFlowOk);
  frame.writer.U8(active ? 1 : 0);
}

void AppendConfirmSelect(std::string& out, std::uint16_t channel) {
  MethodFrame frame(out, channel, Method::kConfirmSelect);
  frame.writer.U8(0);
}

void AppendExchangeDeclare(std::string& out, std::uint16_t channel, std::string_view name, std::string_view type,
                           bool durable) {
  MethodFrame frame(out, channel, Method::kExchangeDeclare);
  frame.writer.U16(0);
  frame.writer.ShortText(name);
  frame.writer.ShortText(type);
  frame.writer.U8(durable ? 2 : 0);  // bits: passive, durable, auto-delete, internal, no-wait
  frame.writer.U32(0);
}

void AppendQueueDeclare(std::string& out, std::uint16_t channel, std::string_view name,
                        const QueueArguments& arguments) {
  MethodFrame frame(out, channel, Method::kQueueDeclare);
  frame.writer.U16(0);
  frame.writer.ShortText(name);
  frame.writer.U8(static_cast<std::uint8_t>((arguments.passive ? 1 : 0) | (arguments.durable ? 2 : 0) |
                                            (arguments.exclusive ? 4 : 0) | (arguments.auto_delete ? 8 : 0)));
  frame.writer.LongText(arguments.table);
}

void AppendQueueBind(std::string& out, std::uint16_t channel, std::string_view queue, std::string_view exchange,
                     std::string_view routing_key) {
  MethodFrame frame(out, channel, Method::kQueueBind);
  frame.writer.U16(0);
  frame.writer.ShortText(queue);
  frame.writer.ShortText(exchange);
  frame.writer.ShortText(routing_key);
  frame.writer.U8(0);
  frame.writer.U32(0);
}

void AppendQueuePurge(std::string& out, std::uint16_t channel, std::string_view queue) {
  MethodFrame frame(out, channel, Method::kQueuePurge);
  frame.writer.U16(0);
  frame.writer.ShortText(queue);
  frame.writer.U8(0);
}

void AppendQueueDelete(std::string& out, std::uint16_t channel, std::string_view queue) {
  MethodFrame frame(out, channel, Method::kQueueDelete);
  frame.writer.U16(0);
  frame.writer.ShortText(queue);
  frame.writer.U8(0);
}

void AppendQos(std::string& out, std::uint16_t channel, std::uint16_t prefetch) {
  MethodFrame frame(out, channel, Method::kBasicQos);
  frame.writer.U32(0);
  frame.writer.U16(prefetch);
  frame.writer.U8(0);
}

void AppendConsume(std::string& out, std::uint16_t channel, std::string_view queue, std::string_view tag, bool no_ack,
                   std::string_view arguments) {
  MethodFrame frame(out, channel, Method::kBasicConsume);
  frame.writer.U16(0);
  frame.writer.ShortText(queue);
  frame.writer.ShortText(tag);
  frame.writer.U8(no_ack ? 2 : 0);  // bits: no-local, no-ack, exclusive, no-wait
  frame.writer.LongText(arguments);
}

void AppendCancel(std::string& out, std::uint16_t channel, std::string_view tag) {
  MethodFrame frame(out, channel, Method::kBasicCancel);
  frame.writer.ShortText(tag);
  frame.writer.U8(0);
}

void AppendGet(std::string& out, std::uint16_t channel, std::string_view queue) {
  MethodFrame frame(out, channel, Method::kBasicGet);
  frame.writer.U16(0);
  frame.writer.ShortText(queue);
  frame.writer.U8(0);
}

void AppendAck(std::string& out, std::uint16_t channel, std::uint64_t tag, bool multiple) {
  MethodFrame frame(out, channel, Method::kBasicAck);
  frame.writer.U64(tag);
  frame.writer.U8(multiple ? 1 : 0);
}

void AppendNack(std::string& out, std::uint16_t channel, std::uint64_t tag, bool multiple, bool requeue) {
  MethodFrame frame(out, channel, Method::kBasicNack);
  frame.writer.U64(tag);
  frame.writer.U8(static_cast<std::uint8_t>((multiple ? 1 : 0) | (requeue ? 2 : 0)));
}

void AppendReject(std::string& out, std::uint16_t channel, std::uint64_t tag, bool requeue) {
  MethodFrame frame(out, channel, Method::kBasicReject);
  frame.writer.U64(tag);
  frame.writer.U8(requeue ? 1 : 0);
}

void AppendPublish(std::string& out, std::uint16_t channel, std::string_view exchange, std::string_view routing_key,
                   bool mandatory) {
  MethodFrame frame(out, channel, Method::kBasicPublish);
  frame.writer.U16(0);
  frame.writer.ShortText(exchange);
  frame.writer.ShortText(routing_key);
  frame.writer.U8(mandatory ? 1 : 0);
}

}  // namespace tidings::messaging::rabbitmq
