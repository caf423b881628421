// RabbitServer: a RabbitMQ of one's own, on free ports of 127.0.0.1, with its data, cookie and logs in a temporary folder.
//
// It takes seconds to start, so the tests of one program share SharedRabbit() and use names of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tidings/base/temp_folder.hpp>
#include <tidings/messaging/servers/child_process.hpp>
#include <tidings/messaging/servers/free_port.hpp>

namespace tidings::messaging::servers {

class RabbitServer {
 public:
  // Started and taking connections when it returns. Throws std::runtime_error, with the end of its log, if it does not come
  // up in 180 s (5 s is usual, on a machine that is busy with nothing else).
  // `settings` are lines of its rabbitmq.conf.
  explicit RabbitServer(const std::vector<std::string>& settings = {});
  ~RabbitServer();

  std::uint16_t port() const { return amqp_.number(); }
  std::string url() const { return Url(port()); }
  // The same through a proxy.
  static std::string Url(std::uint16_t port) { return "amqp://guest:guest@127.0.0.1:" + std::to_string(port); }

  // SIGKILL: nothing is flushed that was not. But for the list of its quorum queues, which RabbitMQ 3.10 saves with a delay of
  // its own: without it a queue that was declared just now comes back empty and takes nothing, whatever was confirmed to it.
  void Kill();
  // Starts it again, on the same ports with the same data. REQUIRES: it was killed.
  void Start();
  void Pause() { node_->Pause(); }
  void Resume() { node_->Resume(); }
  // Runs an Erlang function in it: Call("vm_memory_monitor set_vm_memory_high_watermark [0.0]"). What it returned, as text.
  std::string Call(const std::string& function);

 private:
  void WaitUntilUp();
  void SaveQuorumQueues();
  std::vector<std::string> Environment() const;

  TempFolder folder_;
  FreePort amqp_;
  FreePort distribution_;
  FreePort mapper_;
  std::string node_name_;
  // Erlang's port mapper; by ourselves, because a node would leave its own running behind it.
  std::unique_ptr<ChildProcess> epmd_;
  std::unique_ptr<ChildProcess> node_;
};

// One for the whole program, started when it is first asked for, running when it is handed out.
RabbitServer& SharedRabbit();

}  // namespace tidings::messaging::servers
