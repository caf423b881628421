// ProxyStage: waits for the PROXY header with which a trusted proxy begins each connection.
#pragma once

#include <cstddef>
#include <span>

#include "protocol.hpp"

namespace tidings::net {

class Connection;
class TlsContext;

class ProxyStage final : public Protocol {
 public:
  // `tls` is what follows the header; null for plain.
  ProxyStage(Connection& connection, const TlsContext* tls) : connection_(connection), tls_(tls) {}

  std::size_t OnInput(std::span<char> input) override;
  void OnEnd() override;
  void OnStop() override;

 private:
  Connection& connection_;
  const TlsContext* tls_;
};

}  // namespace tidings::net
