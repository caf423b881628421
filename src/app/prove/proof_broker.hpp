// ProofBroker: the broker of a proof: one that is started for it and may be killed, one that is there already, or none.
#pragma once

#include <memory>
#include <string>

#include <tidings/base/error.hpp>

namespace tidings::app {

class ProofBroker {
 public:
  // For "redis" and "rabbitmq" it is started; "sqlite" lies in the folder; anything else is an address.
  static Result<ProofBroker> Start(const std::string& transport, const std::string& folder);
  ProofBroker(ProofBroker&&) noexcept;
  ProofBroker& operator=(ProofBroker&&) = delete;
  ~ProofBroker();

  const std::string& address() const { return address_; }
  bool killable() const;
  // Kills it (-9) and starts it over its data. REQUIRES: killable().
  void Kill();

 private:
  class Server;
  ProofBroker(std::string address, std::unique_ptr<Server> server);
  std::string address_;
  std::unique_ptr<Server> server_;
};

}  // namespace tidings::app
