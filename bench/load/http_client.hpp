// HTTP/1.1 over one kept connection, one request at a time, blocking: for what is set up before a run, and for history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidings::bench {

struct HttpAnswer {
  int status = 0;  // 0: the connection broke
  std::string body;
};

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : port_(port) {}
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Connects where needed. `body` is JSON; empty for none.
  HttpAnswer Request(std::string_view method, std::string_view path, std::string_view token, std::string_view body);
  HttpAnswer Get(std::string_view path, std::string_view token) { return Request("GET", path, token, {}); }

 private:
  bool Connect();
  bool SendAll(std::string_view bytes);
  bool Fill();
  bool ReadBody(std::string_view head, std::string& body);
  bool ReadChunks(std::string& body);
  HttpAnswer Broken();

  std::uint16_t port_;
  int fd_ = -1;
  std::string received_;
};

}  // namespace tidings::bench
