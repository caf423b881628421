// Writes to many sockets with one system call, by io_uring.
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

// All calls on the thread that made it.
class UringSender {
 public:
  // Null where the kernel, its settings or a sandbox refuse io_uring.
  static std::unique_ptr<UringSender> Make();
  ~UringSender();

  // Fills the results of all jobs. Returns the number of submissions; false in ok() afterwards means that the ring
  // failed: jobs it did not take have -EAGAIN.
  std::size_t Send(std::span<SendJob> jobs);
  bool ok() const { return ok_; }

 private:
  struct Ring;
  explicit UringSender(std::unique_ptr<Ring> ring);
  void SendSome(std::span<SendJob> jobs);

  std::unique_ptr<Ring> ring_;
  bool ok_ = true;
};

}  // namespace tidings::net
