// Intake: reads, once the loop has heard of all that is ready, from the connections that have input: for many of them
// by one io_uring submission.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <tidings/net/server_stats.hpp>

#include "uring_batch.hpp"

namespace tidings::net {

class Connection;

class Intake {
 public:
  Intake(ServerStats& stats, UringBatch& ring) : stats_(stats), ring_(ring) {}

  // A connection without TLS that has something to read. To be called while the loop dispatches; it
  // lives until Run, which comes before the turn's end.
  void Add(Connection& connection) { ready_.push_back(&connection); }
  void Run();

 private:
  void ReadBatch(std::span<Connection*> batch);

  ServerStats& stats_;
  UringBatch& ring_;
  std::vector<Connection*> ready_;
  std::vector<ReceiveJob> jobs_;
  std::unique_ptr<char[]> buffers_;  // a slice for each connection of a batch
};

}  // namespace tidings::net
