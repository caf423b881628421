// The methods of AMQP 0-9-1 that a server receives and sends: the other end of methods.hpp. Read… gives false if the payload
// (after class and method) is malformed; what is read borrows from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "methods.hpp"
#include "table.hpp"

namespace tidings::messaging::rabbitmq {

// connection.start-ok, as far as PLAIN goes.
class StartOk {
 public:
  std::string_view mechanism;
  std::string user;
  std::string password;
  std::string product;             // of the client's library
  std::string name;                // connection_name
  bool closes_on_refusal = false;  // it reads a connection.close where its password is wrong
  bool takes_cancel = false;       // consumer_cancel_notify: it reads a basic.cancel where a queue ends
};
bool ReadStartOk(std::string_view payload, StartOk& start);
bool ReadConnectionOpen(std::string_view payload, std::string_view& vhost);

class ExchangeRequest {
 public:
  std::string_view name;
  std::string_view type;
  bool passive = false;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  bool no_wait = false;
  std::string_view arguments;  // the content of their table
};
bool ReadExchangeDeclare(std::string_view payload, ExchangeRequest& request);

class QueueRequest {
 public:
  std::string_view name;
  QueueArguments arguments;  // their table as it came
  bool no_wait = false;
};
bool ReadQueueDeclare(std::string_view payload, QueueRequest& request);

class BindRequest {
 public:
  std::string_view queue;
  std::string_view exchange;
  std::string_view routing_key;
  bool no_wait = false;
};
bool ReadQueueBind(std::string_view payload, BindRequest& request);

// queue.purge and queue.delete.
class EndRequest {
 public:
  std::string_view queue;
  bool if_unused = false;
  bool if_empty = false;
  bool no_wait = false;
};
bool ReadQueuePurge(std::string_view payload, EndRequest& request);
bool ReadQueueDelete(std::string_view payload, EndRequest& request);

class QosRequest {
 public:
  std::uint32_t bytes = 0;
  std::uint16_t messages = 0;
  bool global = false;  // RabbitMQ: of all consumers of the channel together
};
bool ReadQos(std::string_view payload, QosRequest& request);

class ConsumeRequest {
 public:
  std::string_view queue;
  std::string_view tag;
  bool no_ack = false;
  bool exclusive = false;
  bool no_wait = false;
  std::string_view arguments;  // the content of their table
};
bool ReadConsume(std::string_view payload, ConsumeRequest& request);
bool ReadCancel(std::string_view payload, std::string_view& tag, bool& no_wait);

class GetRequest {
 public:
  std::string_view queue;
  bool no_ack = false;
};
bool ReadGet(std::string_view payload, GetRequest& request);

// basic.ack, basic.nack and basic.reject of a client.
class SettleRequest {
 public:
  std::uint64_t tag = 0;
  bool multiple = false;
  bool requeue = false;
};
bool ReadSettle(Method method, std::string_view payload, SettleRequest& request);
// basic.recover, channel.flow and confirm.select: one bit.
bool ReadBit(std::string_view payload, bool& bit);

class PublishRequest {
 public:
  std::string_view exchange;
  std::string_view routing_key;
  bool mandatory = false;
  bool immediate = false;
};
bool ReadPublish(std::string_view payload, PublishRequest& request);

void AppendStart(std::string& out, std::string_view version);
void AppendTune(std::string& out, const Tuning& tuning);
void AppendConnectionOpenOk(std::string& out);
void AppendChannelOpenOk(std::string& out, std::uint16_t channel);
void AppendQueueDeclareOk(std::string& out, std::uint16_t channel, const QueueDeclared& declared);
// purge-ok and delete-ok.
void AppendMessageCount(std::string& out, std::uint16_t channel, Method method, std::uint32_t messages);
// consume-ok and cancel-ok.
void AppendConsumerTag(std::string& out, std::uint16_t channel, Method method, std::string_view tag);
// What a server sends of its own accord: nobody answers it.
void AppendCancelled(std::string& out, std::uint16_t channel, std::string_view tag);
// The methods alone; a content follows.
void AppendDeliver(std::string& out, std::uint16_t channel, const Delivered& delivered);
void AppendGetOk(std::string& out, std::uint16_t channel, const Delivered& delivered, std::uint32_t left);
void AppendReturn(std::string& out, std::uint16_t channel, const Returned& returned);
void AppendGetEmpty(std::string& out, std::uint16_t channel);

}  // namespace tidings::messaging::rabbitmq
