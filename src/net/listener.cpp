#include "listener.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>

#include <sys/socket.h>
#include <unistd.h>

#include <tidings/base/log.hpp>

#include "server_core.hpp"

namespace tidings::net {

namespace {

constexpr int kAcceptsInATurn = 256;
constexpr std::chrono::milliseconds kRest{100};
constexpr Millis kComplainEvery = 1000;

}  // namespace

Listener::Listener(ServerCore& core, int fd, const TlsContext* tls, bool proxy_header)
    : core_(core), fd_(fd), tls_(tls), proxy_header_(proxy_header) {
  core_.loop().Watch(fd_, EPOLLIN, *this);
}

Listener::~Listener() {
  core_.loop().Cancel(resume_);
  core_.loop().Unwatch(fd_, *this);
  close(fd_);
}

void Listener::OnReady(std::uint32_t) {
  for (int i = 0; i < kAcceptsInATurn; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      try {
        core_.Accepted(fd, IpAddress::FromSocket(from), tls_, proxy_header_);
      } catch (const std::exception& error) {
        log::Err("cannot take a connection", {{"error", error.what()}});
      }
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return Pause(errno);
    // All others concern the one connection that was to be accepted (accept(2)).
  }
}

void Listener::Pause(int error) {
  core_.stats().refused_descriptors.Add();
  const Millis now = core_.loop().Now();
  if (complained_ == 0 || now - complained_ >= kComplainEvery) {
    complained_ = now;
    log::Err("cannot accept connections for now",
             {{"error", std::strerror(error)}, {"open", core_.stats().connections_open.Get()}});
  }
  if (paused_) return;
  paused_ = true;
  core_.loop().Rewatch(fd_, 0, *this);
  resume_ = core_.loop().RunAfter(kRest, [this] {
    paused_ = false;
    core_.loop().Rewatch(fd_, EPOLLIN, *this);
  });
}

}  // namespace tidings::net
