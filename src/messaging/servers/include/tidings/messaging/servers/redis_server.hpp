// RedisServer: a redis-server of one's own, on a free port, its data in a temporary folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tidings/base/temp_folder.hpp>
#include <tidings/messaging/servers/child_process.hpp>
#include <tidings/messaging/servers/free_port.hpp>

namespace tidings::messaging::servers {

class RedisServer {
 public:
  enum class Durability {
    kNone,    // nothing is written: a restart begins empty
    kAlways,  // appendonly, appendfsync always: what was answered survives Kill
  };
  // Started and answering when it returns. `settings` are added to the command line: {"--maxmemory", "2mb"}. Throws
  // std::runtime_error, with the end of its log, if it does not come up in 10 s.
  explicit RedisServer(Durability durability = Durability::kNone, std::vector<std::string> settings = {});

  std::uint16_t port() const { return port_.number(); }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port()); }
  // Sends one command over a connection of its own and returns the raw answer, "+OK\r\n": to change settings in the middle of
  // a test and to look behind the transport's back. Throws if there is none in 10 s.
  std::string Send(const std::vector<std::string>& command) const;

  void Kill() { process_->Kill(); }
  // Starts it again, on the same port with the same data. REQUIRES: it was killed.
  void Start();
  void Pause() { process_->Pause(); }
  void Resume() { process_->Resume(); }

 private:
  void WaitUntilUp();
  TempFolder folder_;
  FreePort port_;
  std::vector<std::string> command_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace tidings::messaging::servers
