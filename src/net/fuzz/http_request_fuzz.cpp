// HTTP requests, cut into reads in two ways, which must give the same request or the same refusal; then what the
// listener makes of it: the WebSocket handshake, the PROXY header, the client behind proxies.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <tidings/base/bytes.hpp>

#include "address.hpp"
#include "http_reader.hpp"
#include "proxy_protocol.hpp"
#include "websocket_handshake.hpp"

namespace {

using tidings::net::HttpReader;
using Step = HttpReader::Step;

constexpr std::size_t kMostBody = 2048;

struct Outcome {
  Step step = Step::kMore;
  int status = 0;
  tidings::realtime::HttpRequest request;
  std::size_t taken = 0;
};

Outcome Read(std::string_view bytes, std::size_t piece) {
  HttpReader reader({.max_head = 4096, .max_headers = 20});
  Outcome outcome;
  std::string held;
  for (std::size_t at = 0; at < bytes.size() && outcome.step == Step::kMore; at += piece) {
    held += bytes.substr(at, piece);
    while (true) {
      std::size_t taken = 0;
      outcome.step = reader.Read(held, taken);
      held.erase(0, taken);
      outcome.taken += taken;
      if (outcome.step != Step::kHead) break;
      reader.LimitBody(kMostBody);
    }
  }
  outcome.status = reader.refusal().status;
  outcome.request = std::move(reader.request());
  if (outcome.request.body.size() > kMostBody) std::abort();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = Read(bytes, bytes.size() + 1);
  const Outcome parts = Read(bytes, 1 + data[0]);
  if (whole.step != parts.step || whole.status != parts.status) std::abort();
  if (whole.step == Step::kWhole) {
    if (whole.taken != parts.taken || whole.request.body != parts.request.body ||
        whole.request.path != parts.request.path || whole.request.query != parts.request.query ||
        whole.request.headers != parts.request.headers || !tidings::IsUtf8(whole.request.path)) {
      std::abort();
    }
    for (const auto& [name, value] : whole.request.query) {
      if (!tidings::IsUtf8(name) || !tidings::IsUtf8(value)) std::abort();
    }
    if (tidings::net::AsksForWebSocket(whole.request)) {
      static_cast<void>(tidings::net::CheckHandshake(whole.request, true, true));
    }
    static const auto trusted = tidings::net::IpBlocks::Parse({"10.0.0.0/8", "::1"});
    static_cast<void>(tidings::net::ForwardedClient(*tidings::net::IpAddress::Parse("10.0.0.1"),
                                                    whole.request.Header("x-forwarded-for"), *trusted));
  }
  const auto header = tidings::net::ReadProxyHeader(bytes);
  if (header.state == tidings::net::ProxyHeader::State::kWhole && header.size > bytes.size()) std::abort();
  return 0;
}
