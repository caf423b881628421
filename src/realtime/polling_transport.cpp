#include "transport.hpp"

namespace tidings::realtime {

namespace {

constexpr std::size_t kCompactAt = 1'024;

}  // namespace

PollingTransport::PollingTransport(EngineServer& server, std::string address)
    : server_(server), address_(std::move(address)) {
  ++server_.polling_by_address_[address_];
}

PollingTransport::~PollingTransport() {
  server_.queued_ -= bytes_;
  const auto found = server_.polling_by_address_.find(address_);
  if (--found->second == 0) server_.polling_by_address_.erase(found);
}

void PollingTransport::Push(FrameRef frame) {
  const std::size_t size = PayloadSize(*frame);
  bytes_ += size;
  server_.queued_ += size;
  queue_.push_back(std::move(frame));
}

std::string PollingTransport::TakePayload(std::size_t max_packets, std::size_t max_bytes) {
  std::string payload;
  for (std::size_t packets = 0; packets < max_packets && !empty(); ++packets) {
    const Frame& next = *queue_[taken_];
    if (packets > 0 && payload.size() + 1 + PayloadSize(next) > max_bytes) break;
    AppendToPayload(payload, next);
    Take();
  }
  return payload;
}

FrameRef PollingTransport::Take() {
  FrameRef frame = std::move(queue_[taken_++]);
  const std::size_t size = PayloadSize(*frame);
  bytes_ -= size;
  server_.queued_ -= size;
  if (empty()) {
    queue_ = {};
    taken_ = 0;
  } else if (taken_ >= kCompactAt && taken_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  return frame;
}

void PollingTransport::Wait(std::unique_ptr<HttpExchange> exchange, HttpAnswer answer) {
  exchange_ = std::move(exchange);
  answer_ = std::move(answer);
}

void PollingTransport::Respond(std::string body) {
  const auto exchange = std::move(exchange_);
  HttpAnswer answer = std::move(answer_);
  answer.body = std::move(body);
  exchange->Respond(std::move(answer));
}

}  // namespace tidings::realtime
