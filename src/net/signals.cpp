#include <tidings/net/signals.hpp>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <sys/signalfd.h>
#include <unistd.h>

namespace tidings::net {

SignalWatch::SignalWatch(EventLoop& loop, std::initializer_list<int> signals,
                         std::move_only_function<void(int)> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  loop_.Watch(fd_, EPOLLIN, *this);
}

SignalWatch::~SignalWatch() {
  loop_.Unwatch(fd_, *this);
  close(fd_);
}

void SignalWatch::OnReady(std::uint32_t) {
  signalfd_siginfo info{};
  while (read(fd_, &info, sizeof info) == sizeof info) on_signal_(static_cast<int>(info.ssi_signo));
}

}  // namespace tidings::net
