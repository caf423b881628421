#include "uring_sender.hpp"

#include <algorithm>
#include <cerrno>

#include <liburing.h>
#include <sys/socket.h>

namespace tidings::net {

namespace {

constexpr unsigned kEntries = 256;
constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

}  // namespace

struct UringSender::Ring {
  ~Ring() {
    if (made) io_uring_queue_exit(&ring);
  }
  io_uring ring{};
  msghdr messages[kEntries]{};
  bool made = false;
};

std::unique_ptr<UringSender> UringSender::Make() {
  auto ring = std::make_unique<Ring>();
  // One thread submits and reaps, so completions need not interrupt it (Linux 6.1).
  for (const unsigned flags : {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0u}) {
    if (io_uring_queue_init(kEntries, &ring->ring, flags) != 0) continue;
    ring->made = true;
    io_uring_register_ring_fd(&ring->ring);
    return std::unique_ptr<UringSender>(new UringSender(std::move(ring)));
  }
  return nullptr;
}

UringSender::UringSender(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}
UringSender::~UringSender() = default;

std::size_t UringSender::Send(std::span<SendJob> jobs) {
  std::size_t batches = 0;
  for (SendJob& job : jobs) job.result = -EAGAIN;
  for (; ok_ && !jobs.empty(); ++batches) {
    const auto some = jobs.first(std::min<std::size_t>(jobs.size(), kEntries));
    jobs = jobs.subspan(some.size());
    SendSome(some);
  }
  return batches;
}

void UringSender::SendSome(std::span<SendJob> jobs) {
  io_uring* ring = &ring_->ring;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    io_uring_sqe* entry = io_uring_get_sqe(ring);
    SendJob& job = jobs[i];
    if (job.parts.size() == 1) {
      io_uring_prep_send(entry, job.fd, job.parts[0].iov_base, job.parts[0].iov_len, kFlags);
    } else {
      msghdr& message = ring_->messages[i];
      message = {};
      message.msg_iov = job.parts.data();
      message.msg_iovlen = job.parts.size();
      io_uring_prep_sendmsg(entry, job.fd, &message, kFlags);
    }
    io_uring_sqe_set_data64(entry, i);
  }
  for (std::size_t left = jobs.size(); left > 0;) {
    const int submitted = io_uring_submit_and_wait(ring, static_cast<unsigned>(left));
    if (submitted < 0 && submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY) {
      ok_ = false;
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
