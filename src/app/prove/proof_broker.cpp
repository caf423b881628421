#include "proof_broker.hpp"

#include <stdexcept>

#include <tidings/messaging/servers/rabbit_server.hpp>
#include <tidings/messaging/servers/redis_server.hpp>

namespace tidings::app {

using messaging::servers::RabbitServer;
using messaging::servers::RedisServer;

class ProofBroker::Server {
 public:
  std::unique_ptr<RabbitServer> rabbit;
  std::unique_ptr<RedisServer> redis;
};

ProofBroker::ProofBroker(std::string address, std::unique_ptr<Server> server)
    : address_(std::move(address)), server_(std::move(server)) {}
ProofBroker::ProofBroker(ProofBroker&&) noexcept = default;
ProofBroker::~ProofBroker() = default;

Result<ProofBroker> ProofBroker::Start(const std::string& transport, const std::string& folder) {
  if (transport == "sqlite") return ProofBroker("sqlite:" + folder + "/queues", nullptr);
  if (transport != "redis" && transport != "rabbitmq") return ProofBroker(transport, nullptr);
  auto server = std::make_unique<Server>();
  try {
    if (transport == "redis") {
      server->redis = std::make_unique<RedisServer>(RedisServer::Durability::kAlways);
      std::string address = server->redis->url();
      return ProofBroker(std::move(address), std::move(server));
    }
    server->rabbit = std::make_unique<RabbitServer>();
    std::string address = server->rabbit->url();
    return ProofBroker(std::move(address), std::move(server));
  } catch (const std::runtime_error& error) {
    return Fail(ErrorCode::kUnavailable, transport + " does not start here: " + error.what() +
                                             "; install it, or name the address of one that runs");
  }
}

bool ProofBroker::killable() const { return server_ != nullptr; }

void ProofBroker::Kill() {
  if (server_->redis) {
    server_->redis->Kill();
    server_->redis->Start();
  } else {
    server_->rabbit->Kill();
    server_->rabbit->Start();
  }
}

}  // namespace tidings::app
