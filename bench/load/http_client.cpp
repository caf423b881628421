#include "load/http_client.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "load/scan.hpp"
#include "load/socket.hpp"

namespace tidings::bench {

HttpClient::~HttpClient() {
  if (fd_ >= 0) close(fd_);
}

HttpAnswer HttpClient::Request(std::string_view method, std::string_view path, std::string_view token,
                               std::string_view body) {
  std::string request(method);
  request.append(" ").append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ").append(token);
  if (!body.empty()) {
    request.append("\r\nContent-Type: application/json\r\nContent-Length: ").append(std::to_string(body.size()));
  }
  request.append("\r\n\r\n").append(body);
  if ((fd_ < 0 && !Connect()) || !SendAll(request)) return Broken();

  std::size_t end;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return Broken();
  }
  std::string head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  for (char& c : head) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  HttpAnswer answer;
  answer.status = head.size() > 12 ? std::atoi(head.c_str() + 9) : 0;
  if (answer.status == 0 || !ReadBody(head, answer.body)) return Broken();
  if (head.find("\r\nconnection: close") != std::string::npos) Broken();
  return answer;
}

bool HttpClient::Connect() {
  fd_ = ConnectTo(port_);
  received_.clear();
  return fd_ >= 0;
}

bool HttpClient::SendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HttpClient::Fill() {
  std::array<char, 65536> buffer;
  const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

bool HttpClient::ReadBody(std::string_view head, std::string& body) {
  if (head.find("\r\ntransfer-encoding: chunked") != std::string_view::npos) return ReadChunks(body);
  const std::size_t size = NumberAfter(head, "\r\ncontent-length: ").value_or(0);
  while (received_.size() < size) {
    if (!Fill()) return false;
  }
  body.assign(received_, 0, size);
  received_.erase(0, size);
  return true;
}

bool HttpClient::ReadChunks(std::string& body) {
  while (true) {
    std::size_t line;
    while ((line = received_.find("\r\n")) == std::string::npos) {
      if (!Fill()) return false;
    }
    const std::size_t size = std::strtoul(received_.c_str(), nullptr, 16);
    while (received_.size() < line + 2 + size + 2) {
      if (!Fill()) return false;
    }
    body.append(received_, line + 2, size);
    received_.erase(0, line + 2 + size + 2);
    if (size == 0) return true;
  }
}

HttpAnswer HttpClient::Broken() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  return {};
}

}  // namespace tidings::bench
