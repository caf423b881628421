// `tidings queue …` and `tidings bridge` on the command line.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tidings/app/commands.hpp>
#include <tidings/app/prove.hpp>

namespace tidings {

class QueueCommands {
 public:
  // `add_data` gives a command the flags that name a data folder.
  QueueCommands(CLI::App& cli, const std::function<void(CLI::App&)>& add_data);

  // Nothing if none of them was called.
  std::optional<Status> Run(const app::Config& config);

 private:
  CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& help,
                const std::function<void(CLI::App&)>& add_data);
  void AddSelection(CLI::App& command, const std::string& most_help);
  Result<json::object> Request() const;
  json::object Selected(const char* what) const;
  Result<json::object> EditRequest() const;
  void CheckPurge() const;
  void AddProof(CLI::App& queue);
  Status Prove() const;

  CLI::App* list_;
  CLI::App* peek_;
  CLI::App* edit_;
  CLI::App* replay_;
  CLI::App* purge_;
  CLI::App* bridge_;
  app::BridgeOrder bridge_order_;
  CLI::App* prove_;
  app::ProveOptions proof_;
  CLI::App* part_;
  app::ProvePart proof_part_;
  std::string transport_;
  bool json_ = false;
  std::vector<std::string> queues_;
  std::string queue_;
  std::vector<std::string> ids_;
  std::string reason_;
  std::uint64_t most_ = 0;
  bool waiting_ = false;
  bool all_ = false;
  std::string id_;
  std::string body_;
  std::string body_file_;
  std::string type_;
  std::string key_;
  std::vector<std::string> set_;
  std::vector<std::string> remove_;
  std::string to_;
  double rate_ = 100;
  bool dry_run_ = false;
};

}  // namespace tidings
