// What a broker sends: frames cut into reads in two ways, which must give the same; contents and every method that is read;
// and messages, which must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "frame.hpp"
#include "message_codec.hpp"
#include "methods.hpp"

namespace {

using namespace tidings::messaging::rabbitmq;
using tidings::messaging::Message;

constexpr std::size_t kFrameMax = 4096;
constexpr std::size_t kMostBody = 8192;

void ReadMethod(std::string_view payload) {
  const Method method = TakeMethod(payload);
  ConnectionStart start;
  Tuning tuning;
  CloseReason reason;
  QueueDeclared declared;
  std::uint32_t count = 0;
  Delivered delivered;
  Returned returned;
  Confirm confirm;
  switch (method) {
    case Method::kConnectionStart: ReadConnectionStart(payload, start); break;
    case Method::kConnectionTune: ReadTune(payload, tuning); break;
    case Method::kConnectionClose:
    case Method::kChannelClose: ReadClose(payload, reason); break;
    case Method::kQueueDeclareOk: ReadQueueDeclareOk(payload, declared); break;
    case Method::kQueuePurgeOk:
    case Method::kQueueDeleteOk: ReadMessageCount(payload, count); break;
    case Method::kBasicDeliver: ReadDeliver(payload, delivered); break;
    case Method::kBasicGetOk: ReadGetOk(payload, delivered); break;
    case Method::kBasicReturn: ReadReturn(payload, returned); break;
    case Method::kBasicAck:
    case Method::kBasicNack: ReadConfirm(payload, confirm); break;
    default: break;
  }
}

// A message that was read can be written, and is the same when it is read again.
void RoundTrip(const Message& message) {
  std::string out;
  AppendMessage(out, 1, 128 * 1024, Publication(), message);
  std::string_view rest = out;
  Content content(Message::kMostBody);
  Frame frame;
  Content::Step step = Content::Step::kMore;
  while (TakeFrame(rest, 128 * 1024, frame) == FrameStep::kFrame) {
    if (frame.type == FrameType::kMethod) content.Begin(0, frame.payload);
    if (frame.type == FrameType::kHeader) step = content.AddHeader(frame.payload);
    if (frame.type == FrameType::kBody) step = content.AddBody(frame.payload);
  }
  if (step != Content::Step::kWhole || !rest.empty()) std::abort();
  auto again = ReadMessage(content.properties(), content.body(), false, "q", Strictness::kStrict);
  if (!again || again->message != message) std::abort();
}

std::string Read(std::string_view bytes, std::size_t piece) {
  std::string trace;
  std::string held;
  Content content(kMostBody);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    held += bytes.substr(at, piece);
    std::string_view rest = held;
    Frame frame;
    FrameStep step = FrameStep::kMore;
    while ((step = TakeFrame(rest, kFrameMax, frame)) == FrameStep::kFrame) {
      trace += static_cast<char>(frame.type);
      trace += frame.payload;
      Content::Step part = Content::Step::kMore;
      if (frame.type == FrameType::kMethod) {
        ReadMethod(frame.payload);
        if (!content.Begin(0, frame.payload)) return trace;
      } else if (frame.type == FrameType::kHeader) {
        part = content.AddHeader(frame.payload);
      } else if (frame.type == FrameType::kBody) {
        part = content.AddBody(frame.payload);
      }
      if (content.body().size() > kMostBody) std::abort();
      if (part == Content::Step::kBroken) return trace;
      if (part == Content::Step::kWhole) {
        auto received = ReadMessage(content.properties(), content.body(), true, "q", Strictness::kStrict);
        if (received) RoundTrip(received->message);
      }
    }
    if (step == FrameStep::kBroken) return trace + "broken";
    held.erase(0, held.size() - rest.size());
  }
  return trace;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (Read(bytes, bytes.size() + 1) != Read(bytes, 1 + data[0])) std::abort();
  // The properties of one content by themselves: a fuzzer finds its way into tables sooner.
  std::string body;
  auto received = ReadMessage(bytes, body, false, "q.dead", Strictness::kLenient);
  if (received && Check(received->message)) RoundTrip(received->message);
  return 0;
}
