#include "proxy_stage.hpp"

#include "connection.hpp"
#include "proxy_protocol.hpp"
#include "server_core.hpp"
#include "tls.hpp"

namespace tidings::net {

std::size_t ProxyStage::OnInput(std::span<char> input) {
  const ProxyHeader header = ReadProxyHeader({input.data(), input.size()});
  if (header.state == ProxyHeader::State::kIncomplete) return 0;
  ServerCore& core = connection_.core();
  if (header.state == ProxyHeader::State::kBad) {
    core.stats().refused_proxy.Add();
    connection_.Abort();
    return input.size();
  }
  if (header.client) connection_.set_client(*header.client);
  if (!core.Admit(connection_)) return input.size();
  if (tls_ != nullptr) connection_.BeginTls(tls_->Accept(connection_.fd()));
  core.BeginHttp(connection_);
  return header.size;
}

void ProxyStage::OnEnd() { connection_.Abort(); }

void ProxyStage::OnStop() { connection_.Abort(); }

}  // namespace tidings::net
