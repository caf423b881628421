#include "flusher.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "connection.hpp"
#include "tls.hpp"

namespace tidings::net {

namespace {

constexpr std::size_t kParts = 256;         // of one gathered write
constexpr std::size_t kBatchParts = 64;     // of one in a batch
constexpr std::size_t kBatchFrom = 8;       // connections
constexpr std::size_t kRounds = 16;         // writes to one connection in a turn
constexpr std::size_t kRecord = 16 * 1024;  // TLS

std::size_t Total(std::span<const iovec> parts) {
  std::size_t total = 0;
  for (const iovec& part : parts) total += part.iov_len;
  return total;
}

}  // namespace

void Flusher::Forget(const Connection& connection) { std::erase(dirty_, &connection); }

void Flusher::Flush() {
  if (dirty_.empty()) return;
  now_.clear();
  now_.swap(dirty_);
  batch_.clear();
  for (Connection* connection : now_) {
    if (!connection->BeginFlush()) continue;
    if (connection->tls() == nullptr) {
      batch_.push_back(connection);
    } else {
      FlushTls(*connection);
    }
  }
  if (batch_.size() >= kBatchFrom && ring_.Ready()) return FlushBatch(batch_);
  for (Connection* connection : batch_) FlushOne(*connection);
}

void Flusher::FlushOne(Connection& connection) {
  std::array<iovec, kParts> parts;
  for (std::size_t round = 0; round < kRounds && !connection.dead(); ++round) {
    const std::span<iovec> used(parts.data(), connection.queue().Gather(parts));
    msghdr message{};
    message.msg_iov = used.data();
    message.msg_iovlen = used.size();
    const ssize_t written = used.size() == 1
                                ? send(connection.fd(), used[0].iov_base, used[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL)
                                : sendmsg(connection.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    const long result = written < 0 ? -errno : written;
    stats_.writes.Add();
    if (connection.Wrote(result, Total(used))) return;
  }
  connection.LeaveForNextTurn();
}

void Flusher::FlushTls(Connection& connection) {
  if (record_ == nullptr) record_ = std::make_unique<char[]>(kRecord);
  std::array<iovec, kParts> parts;
  for (std::size_t round = 0; round < 4 * kRounds; ++round) {
    // Small frames share a record.
    std::size_t size = 0;
    for (const iovec& part : std::span(parts.data(), connection.queue().Gather(parts))) {
      const std::size_t take = std::min(part.iov_len, kRecord - size);
      std::memcpy(record_.get() + size, part.iov_base, take);
      size += take;
    }
    if (size == 0) return;
    std::size_t took = 0;
    const TlsOutcome outcome = connection.tls()->Write({record_.get(), size}, took);
    stats_.writes.Add();
    switch (outcome) {
      case TlsOutcome::kDone: connection.Wrote(static_cast<long>(took), took); break;
      case TlsOutcome::kWantRead:
      case TlsOutcome::kWantWrite: connection.Wrote(-EAGAIN, size); return;
      default: connection.Wrote(-EPIPE, size); return;
    }
    if (connection.queue().empty() || connection.dead()) return;
  }
  connection.LeaveForNextTurn();
}

void Flusher::FlushBatch(std::span<Connection*> batch) {
  parts_.resize(batch.size() * kBatchParts);
  jobs_.clear();
  std::span<iovec> room(parts_);
  for (Connection* connection : batch) {
    const auto used = room.first(connection->queue().Gather(room.first(kBatchParts)));
    room = room.subspan(used.size());
    jobs_.push_back({.fd = connection->fd(), .parts = used});
  }
  stats_.batches.Add(ring_.Send(jobs_));
  stats_.writes.Add(jobs_.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!batch[i]->Wrote(jobs_[i].result, Total(jobs_[i].parts))) batch[i]->LeaveForNextTurn();
  }
}

}  // namespace tidings::net
