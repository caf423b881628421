// Engine.IO v4 and Socket.IO v5, with the events room:join, message:send, room:read and NEW_MESSAGE: tidings itself, and
// the servers with the bench's tiny chat protocol of the same names.
#pragma once

#include "load/protocol.hpp"
#include "load/scan.hpp"

namespace tidings::bench {

class SocketIoProtocol final : public Protocol {
 public:
  explicit SocketIoProtocol(bool numbers) : numbers_(numbers) {}

  std::string_view path() const override { return "/socket.io/?EIO=4&transport=websocket"; }
  bool opens() const override { return true; }
  bool numbers() const override { return numbers_; }
  std::string Connect(std::string_view token) const override;
  std::string Join(std::uint64_t id, std::string_view room, std::optional<std::uint64_t> after) const override;
  std::string Send(std::uint64_t id, std::string_view room, std::string_view text,
                   std::string_view client_message_id) const override;
  std::string Read(std::string_view room, std::uint64_t seq) const override;
  std::string_view pong() const override { return "3"; }
  void Parse(std::string_view payload, EventSink& sink) override;

 private:
  void ParseEvent(std::string_view payload, Event& event);

  bool numbers_;
  Needle marker_{Marker::kBegin};
  Needle seq_{"\"seq\":"};
};

}  // namespace tidings::bench
