#include "transport.hpp"

namespace tidings::realtime {

std::string PollingTransport::TakePayload(std::size_t max_packets, std::size_t max_bytes) {
  std::string payload;
  for (std::size_t taken = 0; taken < max_packets && !queue_.empty(); ++taken) {
    const Frame& next = *queue_.front();
    if (taken > 0 && payload.size() + 1 + PayloadSize(next) > max_bytes) break;
    AppendToPayload(payload, next);
    bytes_ -= PayloadSize(next);
    queue_.pop_front();
  }
  return payload;
}

FrameRef PollingTransport::Take() {
  FrameRef frame = std::move(queue_.front());
  queue_.pop_front();
  bytes_ -= PayloadSize(*frame);
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
