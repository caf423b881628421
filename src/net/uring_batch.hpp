// Writes to many sockets, or reads from many, with one system call, by io_uring.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <sys/types.h>
#include <sys/uio.h>

namespace tidings::net {

// One gathered, non-blocking write.
struct SendJob {
  int fd = -1;
  std::span<iovec> parts;
  ssize_t result = 0;  // bytes written, or -errno (-EAGAIN: the kernel's buffer is full)
};

// One non-blocking read.
struct ReceiveJob {
  int fd = -1;
  std::span<char> buffer;
  ssize_t result = 0;  // bytes read, 0 at the end of the stream, or -errno (-EAGAIN: nothing is there)
};

// All calls on one thread.
class UringBatch {
 public:
  explicit UringBatch(bool allowed);
  ~UringBatch();

  // Makes the ring when it is first asked. False where it is not allowed, where the kernel, its settings or a sandbox
  // refuse io_uring, and once the ring has failed.
  bool Ready();

  // They fill the results of all jobs, and return the number of submissions. REQUIRES: Ready. If the ring fails, the
  // jobs that it did not take have -EAGAIN.
  std::size_t Send(std::span<SendJob> jobs);
  std::size_t Receive(std::span<ReceiveJob> jobs);

 private:
  struct Ring;
  template <class Job>
  std::size_t Run(std::span<Job> jobs);
  template <class Job>
  void RunSome(std::span<Job> jobs);

  bool allowed_;
  std::unique_ptr<Ring> ring_;
};

}  // namespace tidings::net
