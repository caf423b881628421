// Children: the processes of a proof. They end with it, however it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tidings/messaging/servers/child_process.hpp>

namespace tidings::app {

class Children {
 public:
  // Starts all of them. Throws std::runtime_error if that fails.
  Children(std::string consumer, std::string folder, std::string address, std::string run);

  // Kills (-9) whose turn it is and starts it anew.
  void KillOne(std::uint32_t turn);
  // Stops a consumer in good order (SIGTERM) and starts it anew.
  void StopOne(std::uint32_t turn);
  // Consumers that died by themselves go on.
  void Revive();
  bool ProducersEnded();

 private:
  void Start(std::size_t child);

  const std::string consumer_;
  const std::string folder_;
  const std::string address_;
  const std::string run_;
  std::vector<std::unique_ptr<messaging::servers::ChildProcess>> children_;
};

}  // namespace tidings::app
