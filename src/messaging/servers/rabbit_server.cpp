#include <tidings/messaging/servers/rabbit_server.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <tidings/base/id.hpp>

#include "ask.hpp"

namespace tidings::messaging::servers {
namespace {

constexpr const char* kServer = "/usr/lib/rabbitmq/bin/rabbitmq-server";

std::string End(const std::string& text) {
  return text.substr(text.size() - std::min<std::size_t>(text.size(), 3'000));
}

// Whether something on `port` answers AMQP's greeting with a method frame.
bool Greets(std::uint16_t port) {
  constexpr std::string_view kGreeting("AMQP\x00\x00\x09\x01", 8);
  return Ask(port, kGreeting, std::chrono::seconds(2), 1) == "\x01";
}

}  // namespace

RabbitServer::RabbitServer(const std::vector<std::string>& settings)
    : node_name_("tidings" + std::to_string(amqp_.number()) + "@localhost") {
  const std::string cookie = folder_.File(".erlang.cookie");
  std::ofstream(cookie) << RandomToken(20);
  ::chmod(cookie.c_str(), 0400);
  std::ofstream(folder_.File("enabled_plugins")) << "[].\n";
  std::ofstream(folder_.File("env.conf")) << "\n";
  std::ofstream configuration(folder_.File("rabbitmq.conf"));
  configuration << "disk_free_limit.absolute = 10MB\n"
                << "log.file.level = warning\n"
                << "raft.wal_max_size_bytes = 33554432\n";
  for (const std::string& line : settings) configuration << line << '\n';
  configuration.close();
  epmd_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{"epmd", "-port", std::to_string(mapper_.number()), "-address", "127.0.0.1"});
  Start();
}

RabbitServer::~RabbitServer() {
  node_.reset();
  epmd_.reset();
}

std::vector<std::string> RabbitServer::Environment() const {
  return {
      "HOME=" + folder_.path(),
      "RABBITMQ_NODENAME=" + node_name_,
      "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
      "RABBITMQ_NODE_PORT=" + std::to_string(amqp_.number()),
      "RABBITMQ_DIST_PORT=" + std::to_string(distribution_.number()),
      "ERL_EPMD_PORT=" + std::to_string(mapper_.number()),
      "ERL_EPMD_ADDRESS=127.0.0.1",
      "RABBITMQ_MNESIA_BASE=" + folder_.File("data"),
      "RABBITMQ_LOG_BASE=" + folder_.File("log"),
      "RABBITMQ_CONF_ENV_FILE=" + folder_.File("env.conf"),
      "RABBITMQ_CONFIG_FILE=" + folder_.File("rabbitmq"),
      "RABBITMQ_ENABLED_PLUGINS_FILE=" + folder_.File("enabled_plugins"),
      // What is dead-lettered as the broker starts, before its target is there, is tried again after three minutes otherwise.
      ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} "
       "-rabbit dead_letter_worker_publisher_confirm_timeout 5000"),
      // The script then becomes the server instead of waiting for it, so that signals reach it and it dies with this.
      "detached=yes",
  };
}

void RabbitServer::Kill() {
  SaveQuorumQueues();
  node_->Kill();
}

// All tables of dets: "[latest_log,ra_…]". Those whose name is no atom cannot be named by erl_call, and are not of the queues.
void RabbitServer::SaveQuorumQueues() {
  const std::string tables = Call("dets all");
  for (std::size_t begin = tables.find_first_not_of("[], \n"); begin != std::string::npos;) {
    const std::size_t end = std::min(tables.find_first_of("[], \n", begin), tables.size());
    if (std::islower(static_cast<unsigned char>(tables[begin])) != 0) {
      Call("dets sync [" + tables.substr(begin, end - begin) + "]");
    }
    begin = tables.find_first_not_of("[], \n", end);
  }
}

void RabbitServer::Start() {
  node_ = std::make_unique<ChildProcess>(std::vector<std::string>{kServer}, folder_.File("node.log"), Environment());
  WaitUntilUp();
}

void RabbitServer::WaitUntilUp() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(180);
  while (std::chrono::steady_clock::now() < deadline && node_->running()) {
    if (Greets(port())) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error(
      "RabbitMQ did not come up (apt-get install rabbitmq-server, if it is missing); its log ends:\n" +
      End(Contents(folder_.File("node.log"))));
}

std::string RabbitServer::Call(const std::string& function) {
  const std::string output = folder_.File("call.log");
  ::unlink(output.c_str());
  ChildProcess call({"/usr/lib/erlang/bin/erl_call", "-n", node_name_, "-a", function}, output, Environment());
  const auto ended = call.WaitFor(std::chrono::seconds(20));
  if (!ended || *ended != 0) throw std::runtime_error("erl_call " + function + ": " + Contents(output));
  return Contents(output);
}

RabbitServer& SharedRabbit() {
  static RabbitServer server;
  return server;
}

}  // namespace tidings::messaging::servers
