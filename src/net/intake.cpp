#include "intake.hpp"

#include <algorithm>

#include "connection.hpp"

namespace tidings::net {

namespace {

constexpr std::size_t kBatch = 128;       // connections read at once
constexpr std::size_t kBatchFrom = 8;     // connections
constexpr std::size_t kSlice = 4 * 1024;  // bytes of each; who has more goes on alone

}  // namespace

void Intake::Run() {
  if (ready_.empty()) return;
  if (ready_.size() >= kBatchFrom && ring_.Ready()) {
    for (std::size_t at = 0; at < ready_.size(); at += kBatch) {
      ReadBatch(std::span(ready_).subspan(at, std::min(kBatch, ready_.size() - at)));
    }
  } else {
    for (Connection* connection : ready_) connection->ReadNow();
  }
  ready_.clear();
}

void Intake::ReadBatch(std::span<Connection*> batch) {
  if (buffers_ == nullptr) buffers_ = std::make_unique_for_overwrite<char[]>(kBatch * kSlice);
  jobs_.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    jobs_.push_back({.fd = batch[i]->fd(), .buffer = {buffers_.get() + i * kSlice, kSlice}});
  }
  stats_.read_batches.Add(ring_.Receive(jobs_));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i]->Received(jobs_[i].result, jobs_[i].buffer);
    if (jobs_[i].result == static_cast<ssize_t>(kSlice)) batch[i]->ReadNow();
  }
}

}  // namespace tidings::net
