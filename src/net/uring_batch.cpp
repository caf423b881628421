#include "uring_batch.hpp"

#include <algorithm>
#include <cerrno>

#include <liburing.h>
#include <sys/socket.h>

namespace tidings::net {

namespace {

constexpr unsigned kEntries = 256;
constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

}  // namespace

struct UringBatch::Ring {
  ~Ring() {
    if (made) io_uring_queue_exit(&ring);
  }

  bool Make() {
    // One thread submits and reaps, so completions need not interrupt it (Linux 6.1).
    for (const unsigned flags : {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0u}) {
      if (io_uring_queue_init(kEntries, &ring, flags) != 0) continue;
      io_uring_register_ring_fd(&ring);
      return made = true;
    }
    return false;
  }

  void Prepare(io_uring_sqe* entry, std::size_t index, SendJob& job) {
    if (job.parts.size() == 1) {
      io_uring_prep_send(entry, job.fd, job.parts[0].iov_base, job.parts[0].iov_len, kFlags);
      return;
    }
    msghdr& message = messages[index];
    message = {};
    message.msg_iov = job.parts.data();
    message.msg_iovlen = job.parts.size();
    io_uring_prep_sendmsg(entry, job.fd, &message, kFlags);
  }

  void Prepare(io_uring_sqe* entry, std::size_t, ReceiveJob& job) {
    io_uring_prep_recv(entry, job.fd, job.buffer.data(), job.buffer.size(), MSG_DONTWAIT);
  }

  io_uring ring{};
  msghdr messages[kEntries]{};
  bool made = false;
};

UringBatch::UringBatch(bool allowed) : allowed_(allowed) {}
UringBatch::~UringBatch() = default;

bool UringBatch::Ready() {
  if (!allowed_ || ring_ != nullptr) return allowed_;
  ring_ = std::make_unique<Ring>();
  allowed_ = ring_->Make();
  return allowed_;
}

std::size_t UringBatch::Send(std::span<SendJob> jobs) { return Run(jobs); }
std::size_t UringBatch::Receive(std::span<ReceiveJob> jobs) { return Run(jobs); }

template <class Job>
std::size_t UringBatch::Run(std::span<Job> jobs) {
  std::size_t batches = 0;
  for (Job& job : jobs) job.result = -EAGAIN;
  for (; allowed_ && !jobs.empty(); ++batches) {
    const auto some = jobs.first(std::min<std::size_t>(jobs.size(), kEntries));
    jobs = jobs.subspan(some.size());
    RunSome(some);
  }
  return batches;
}

template <class Job>
void UringBatch::RunSome(std::span<Job> jobs) {
  io_uring* ring = &ring_->ring;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    io_uring_sqe* entry = io_uring_get_sqe(ring);
    ring_->Prepare(entry, i, jobs[i]);
    io_uring_sqe_set_data64(entry, i);
  }
  for (std::size_t left = jobs.size(); left > 0;) {
    const int submitted = io_uring_submit_and_wait(ring, static_cast<unsigned>(left));
    if (submitted < 0 && submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY) {
      allowed_ = false;
      return;
    }
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(ring, &completion) == 0) {
      jobs[io_uring_cqe_get_data64(completion)].result = completion->res;
      io_uring_cqe_seen(ring, completion);
      --left;
    }
  }
}

}  // namespace tidings::net
