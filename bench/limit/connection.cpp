#include "limit/connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tidings::bench {

Flushed Flush(Connection& connection) {
  constexpr std::size_t kMostFrames = 256;
  std::array<iovec, kMostFrames> parts;
  std::size_t done = 0;
  Flushed outcome = Flushed::kAll;
  while (done < connection.pending.size()) {
    const std::size_t count = std::min(connection.pending.size() - done, kMostFrames);
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& bytes = connection.pending[done + i].bytes();
      const std::size_t skip = i == 0 ? connection.sent_of_first : 0;
      parts[i] = {const_cast<char*>(bytes.data()) + skip, bytes.size() - skip};
      size += parts[i].iov_len;
    }
    ssize_t sent;
    if (count == 1) {
      sent = send(connection.fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      sent = sendmsg(connection.fd, &message, MSG_NOSIGNAL);
    }
    if (sent < 0) {
      outcome = errno == EAGAIN ? Flushed::kBlocked : Flushed::kBroken;
      break;
    }
    if (static_cast<std::size_t>(sent) == size) {
      done += count;
      connection.sent_of_first = 0;
      continue;
    }
    auto left = static_cast<std::size_t>(sent);
    for (std::size_t i = 0; left >= parts[i].iov_len; ++i) {
      left -= parts[i].iov_len;
      connection.sent_of_first = 0;
      ++done;
    }
    connection.sent_of_first += static_cast<std::uint32_t>(left);
    outcome = Flushed::kBlocked;
    break;
  }
  connection.pending.erase(connection.pending.begin(), connection.pending.begin() + static_cast<std::ptrdiff_t>(done));
  return outcome;
}

std::string_view JsonText(std::string_view json, std::string_view name) {
  std::size_t at = 0;
  while ((at = json.find(name, at)) != std::string_view::npos) {
    const std::size_t begin = at + name.size() + 3;
    if (at > 0 && json[at - 1] == '"' && json.substr(at + name.size(), 3) == "\":\"") {
      std::size_t end = begin;
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      return end < json.size() ? json.substr(begin, end - begin) : std::string_view();
    }
    at += name.size();
  }
  return {};
}

}  // namespace tidings::bench
