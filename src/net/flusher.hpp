// Flusher: writes, at a turn's end, what the turn has queued: one gathered write for each connection, and for many
// connections one io_uring submission.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <sys/uio.h>

#include <tidings/net/server_stats.hpp>

#include "uring_batch.hpp"

namespace tidings::net {

class Connection;

class Flusher {
 public:
  Flusher(ServerStats& stats, UringBatch& ring) : stats_(stats), ring_(ring) {}

  // A connection that has something to write. It stays until the next Flush, or until Forget.
  void Add(Connection& connection) { dirty_.push_back(&connection); }
  void Forget(const Connection& connection);
  // What is added meanwhile waits for the next call.
  void Flush();
  bool idle() const { return dirty_.empty(); }

 private:
  void FlushOne(Connection& connection);
  void FlushTls(Connection& connection);
  void FlushBatch(std::span<Connection*> batch);

  ServerStats& stats_;
  UringBatch& ring_;
  std::vector<Connection*> dirty_;
  std::vector<Connection*> now_;
  std::vector<Connection*> batch_;
  std::vector<iovec> parts_;
  std::vector<SendJob> jobs_;
  std::unique_ptr<char[]> record_;  // what a TLS record is gathered in
};

}  // namespace tidings::net
