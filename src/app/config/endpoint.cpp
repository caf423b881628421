#include <tidings/app/endpoint.hpp>

#include <tidings/base/bytes.hpp>

namespace tidings::app {

Result<Endpoint> ParseEndpoint(std::string_view text) {
  const auto refuse = [&] { return Fail(ErrorCode::kInvalid, "must be HOST:PORT, as 127.0.0.1:8080 or [::1]:8080"); };
  const auto colon = text.rfind(':');
  if (colon == text.npos) return refuse();
  const auto port = ParseWhole(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port || *port > 65'535) return refuse();
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 4) return refuse();
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == host.npos) return refuse();
  } else if (host.find(':') != host.npos) {
    return refuse();
  }
  if (host.find_first_of(" /[]@,") != host.npos) return refuse();
  return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string FormatEndpoint(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace tidings::app
