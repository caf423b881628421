// Centrifugo's bidirectional protocol in its JSON form: commands, replies and pushes, one a line.
#pragma once

#include "load/protocol.hpp"
#include "load/scan.hpp"

namespace tidings::bench {

class CentrifugoProtocol final : public Protocol {
 public:
  std::string_view path() const override { return "/connection/websocket"; }
  bool opens() const override { return false; }
  bool numbers() const override { return false; }
  std::string Connect(std::string_view token) const override;
  std::string Join(std::uint64_t id, std::string_view room, std::optional<std::uint64_t> after) const override;
  std::string Send(std::uint64_t id, std::string_view room, std::string_view text,
                   std::string_view client_message_id) const override;
  std::string Read(std::string_view, std::uint64_t) const override { return {}; }
  std::string_view pong() const override { return "{}"; }
  void Parse(std::string_view payload, EventSink& sink) override;

 private:
  void ParseLine(std::string_view line, EventSink& sink);

  Needle marker_{Marker::kBegin};
};

}  // namespace tidings::bench
