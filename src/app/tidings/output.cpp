#include "output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

namespace tidings {

Output::Output() : before_(std::cout.rdbuf(this)), line_by_line_(isatty(STDOUT_FILENO) == 1) {
  setp(held_.data(), held_.data() + held_.size());
}

Output::~Output() {
  std::cout.flush();
  std::cout.rdbuf(before_);
}

Status Output::Finish() {
  if (std::cout.flush()) return {};
  const std::string why = cause_ != 0 ? std::string(": ") + std::strerror(cause_) : std::string();
  return Fail(ErrorCode::kInternal, "standard output was not taken whole" + why + "; what is there is cut short");
}

Output::int_type Output::overflow(int_type c) {
  if (sync() != 0) return traits_type::eof();
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  return sputc(traits_type::to_char_type(c));
}

std::streamsize Output::xsputn(const char* bytes, std::streamsize size) {
  if (size > epptr() - pptr() && sync() != 0) return 0;
  if (size > epptr() - pptr()) return WriteAll(bytes, static_cast<std::size_t>(size)) ? size : 0;
  std::memcpy(pptr(), bytes, static_cast<std::size_t>(size));
  pbump(static_cast<int>(size));
  if (line_by_line_ && size > 0 && bytes[size - 1] == '\n' && sync() != 0) return 0;
  return size;
}

int Output::sync() {
  const auto size = static_cast<std::size_t>(pptr() - pbase());
  setp(held_.data(), held_.data() + held_.size());
  return WriteAll(held_.data(), size) ? 0 : -1;
}

bool Output::WriteAll(const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(STDOUT_FILENO, bytes, size);
    if (written >= 0) {
      bytes += written;
      size -= static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {
      // Whoever shares the terminal or the pipe has made it so; a slow reader is waited for all the same.
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      cause_ = errno;
      return false;
    }
  }
  return true;
}

}  // namespace tidings
