// The methods of AMQP 0-9-1 that a client sends and receives (a server's are in server_methods.hpp), and RabbitMQ's additions (confirms, basic.nack,
// connection.blocked). Append… writes a whole frame; Read… gives false if the payload (after class and method) is malformed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "table.hpp"

namespace tidings::messaging::rabbitmq {

// Class and method in one number.
enum class Method : std::uint32_t {
  kConnectionStart = 10 << 16 | 10,
  kConnectionStartOk = 10 << 16 | 11,
  kConnectionTune = 10 << 16 | 30,
  kConnectionTuneOk = 10 << 16 | 31,
  kConnectionOpen = 10 << 16 | 40,
  kConnectionOpenOk = 10 << 16 | 41,
  kConnectionClose = 10 << 16 | 50,
  kConnectionCloseOk = 10 << 16 | 51,
  kConnectionBlocked = 10 << 16 | 60,
  kConnectionUnblocked = 10 << 16 | 61,
  kChannelOpen = 20 << 16 | 10,
  kChannelOpenOk = 20 << 16 | 11,
  kChannelFlow = 20 << 16 | 20,
  kChannelFlowOk = 20 << 16 | 21,
  kChannelClose = 20 << 16 | 40,
  kChannelCloseOk = 20 << 16 | 41,
  kExchangeDeclare = 40 << 16 | 10,
  kExchangeDeclareOk = 40 << 16 | 11,
  kExchangeDelete = 40 << 16 | 20,
  kExchangeBind = 40 << 16 | 30,
  kExchangeUnbind = 40 << 16 | 40,
  kQueueDeclare = 50 << 16 | 10,
  kQueueDeclareOk = 50 << 16 | 11,
  kQueueBind = 50 << 16 | 20,
  kQueueBindOk = 50 << 16 | 21,
  kQueuePurge = 50 << 16 | 30,
  kQueuePurgeOk = 50 << 16 | 31,
  kQueueDelete = 50 << 16 | 40,
  kQueueDeleteOk = 50 << 16 | 41,
  kQueueUnbind = 50 << 16 | 50,
  kBasicQos = 60 << 16 | 10,
  kBasicQosOk = 60 << 16 | 11,
  kBasicConsume = 60 << 16 | 20,
  kBasicConsumeOk = 60 << 16 | 21,
  kBasicCancel = 60 << 16 | 30,
  kBasicCancelOk = 60 << 16 | 31,
  kBasicPublish = 60 << 16 | 40,
  kBasicReturn = 60 << 16 | 50,
  kBasicDeliver = 60 << 16 | 60,
  kBasicGet = 60 << 16 | 70,
  kBasicGetOk = 60 << 16 | 71,
  kBasicGetEmpty = 60 << 16 | 72,
  kBasicAck = 60 << 16 | 80,
  kBasicReject = 60 << 16 | 90,
  kBasicRecover = 60 << 16 | 110,
  kBasicRecoverOk = 60 << 16 | 111,
  kBasicNack = 60 << 16 | 120,
  kConfirmSelect = 85 << 16 | 10,
  kConfirmSelectOk = 85 << 16 | 11,
  kTxSelect = 90 << 16 | 10,
};

// §1.2 and RabbitMQ's use of them.
namespace reply {
inline constexpr std::uint16_t kSuccess = 200;
inline constexpr std::uint16_t kContentTooLarge = 311;
inline constexpr std::uint16_t kNoRoute = 312;
inline constexpr std::uint16_t kConnectionForced = 320;
inline constexpr std::uint16_t kAccessRefused = 403;
inline constexpr std::uint16_t kNotFound = 404;
inline constexpr std::uint16_t kResourceLocked = 405;
inline constexpr std::uint16_t kPreconditionFailed = 406;
inline constexpr std::uint16_t kFrameError = 501;
inline constexpr std::uint16_t kSyntaxError = 502;
inline constexpr std::uint16_t kCommandInvalid = 503;
inline constexpr std::uint16_t kChannelError = 504;
inline constexpr std::uint16_t kUnexpectedFrame = 505;
inline constexpr std::uint16_t kResourceError = 506;
inline constexpr std::uint16_t kNotAllowed = 530;
inline constexpr std::uint16_t kNotImplemented = 540;
inline constexpr std::uint16_t kInternalError = 541;
}  // namespace reply

// Takes the method off a method frame's payload; 0 if it is too short.
Method TakeMethod(std::string_view& payload);

class ConnectionStart {
 public:
  std::string product;
  std::string version;
  bool plain = false;     // the mechanism PLAIN is offered
  bool confirms = false;  // publisher_confirms
  bool authentication_failure_close = false;
};
bool ReadConnectionStart(std::string_view payload, ConnectionStart& start);

class Tuning {
 public:
  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;  // seconds; 0: none
};
bool ReadTune(std::string_view payload, Tuning& tuning);

// connection.close and channel.close.
class CloseReason {
 public:
  std::uint16_t code = 0;
  std::string text;
  Method method{};  // the one that was wrong; 0 if none was
};
bool ReadClose(std::string_view payload, CloseReason& reason);

class QueueDeclared {
 public:
  std::string queue;
  std::uint32_t messages = 0;
  std::uint32_t consumers = 0;
};
bool ReadQueueDeclareOk(std::string_view payload, QueueDeclared& declared);
// purge-ok and delete-ok.
bool ReadMessageCount(std::string_view payload, std::uint32_t& messages);

// basic.deliver and basic.get-ok. Borrowed.
class Delivered {
 public:
  std::string_view consumer;  // its tag; none where it was fetched
  std::uint64_t tag = 0;
  bool redelivered = false;
  std::string_view exchange;
  std::string_view routing_key;
};
bool ReadDeliver(std::string_view payload, Delivered& delivered);
bool ReadGetOk(std::string_view payload, Delivered& delivered);

// basic.return. Borrowed.
class Returned {
 public:
  std::uint16_t code = 0;
  std::string_view text;
  std::string_view exchange;
  std::string_view routing_key;
};
bool ReadReturn(std::string_view payload, Returned& returned);

// basic.ack and basic.nack of a broker.
class Confirm {
 public:
  std::uint64_t tag = 0;
  bool multiple = false;
};
bool ReadConfirm(std::string_view payload, Confirm& confirm);

// `heartbeat` and so on as this client wants them.
void AppendStartOk(std::string& out, std::string_view user, std::string_view password, std::string_view name);
void AppendTuneOk(std::string& out, const Tuning& tuning);
void AppendConnectionOpen(std::string& out, std::string_view vhost);
// `wrong` is the method that was wrong, if one was.
void AppendClose(std::string& out, std::uint16_t channel, Method method, std::uint16_t code, std::string_view text,
                 Method wrong = Method{});
// Methods without arguments, and those whose arguments are all zero: open, close-ok, confirm.select.
void AppendPlain(std::string& out, std::uint16_t channel, Method method);
void AppendChannelOpen(std::string& out, std::uint16_t channel);
void AppendFlowOk(std::string& out, std::uint16_t channel, bool active);
void AppendConfirmSelect(std::string& out, std::uint16_t channel);

void AppendExchangeDeclare(std::string& out, std::uint16_t channel, std::string_view name, std::string_view type,
                           bool durable);

// Arguments of a queue in AMQP's terms.
class QueueArguments {
 public:
  bool passive = false;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  std::string table;  // content of the table of arguments
};
void AppendQueueDeclare(std::string& out, std::uint16_t channel, std::string_view name,
                        const QueueArguments& arguments);
void AppendQueueBind(std::string& out, std::uint16_t channel, std::string_view queue, std::string_view exchange,
                     std::string_view routing_key);
void AppendQueuePurge(std::string& out, std::uint16_t channel, std::string_view queue);
void AppendQueueDelete(std::string& out, std::uint16_t channel, std::string_view queue);

void AppendQos(std::string& out, std::uint16_t channel, std::uint16_t prefetch);
// `arguments` is the content of their table.
void AppendConsume(std::string& out, std::uint16_t channel, std::string_view queue, std::string_view tag, bool no_ack,
                   std::string_view arguments = "");
void AppendCancel(std::string& out, std::uint16_t channel, std::string_view tag);
void AppendGet(std::string& out, std::uint16_t channel, std::string_view queue);
void AppendAck(std::string& out, std::uint16_t channel, std::uint64_t tag, bool multiple);
void AppendNack(std::string& out, std::uint16_t channel, std::uint64_t tag, bool multiple, bool requeue);
void AppendReject(std::string& out, std::uint16_t channel, std::uint64_t tag, bool requeue);
// The method alone; a content header and a body have to follow.
void AppendPublish(std::string& out, std::uint16_t channel, std::string_view exchange, std::string_view routing_key,
                   bool mandatory);

}  // namespace tidings::messaging::rabbitmq
