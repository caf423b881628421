// Reads one HTTP/1.1 request (RFC 9112), strictly: what two servers could read differently is refused. No I/O; total.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/realtime/http.hpp>

namespace tidings::net {

struct HttpLimits {
  std::size_t max_head = 16 * 1024;
  std::size_t max_headers = 100;
};

// Why a request is not read on. The connection cannot go on after it.
struct HttpRefusal {
  int status = 0;
  std::string_view code = "malformed";
  std::string message;
};

class HttpReader {
 public:
  enum class Step {
    kMore,     // all that is there was looked at; call again with more behind what was not taken
    kHead,     // the head is whole: LimitBody, then go on
    kWhole,    // the request is whole
    kRefused,  // see refusal()
  };

  explicit HttpReader(HttpLimits limits);
  ~HttpReader();

  // `input` begins with what earlier calls have not taken. Sets how many bytes were taken.
  Step Read(std::string_view input, std::size_t& taken);

  // After kHead: bodies above this many bytes are refused with 413, announced or not.
  void LimitBody(std::size_t most);

  // After kHead, but for the body.
  realtime::HttpRequest& request();
  bool keep_alive() const;  // as the client wants it
  bool version_1_1() const;
  bool has_body() const;
  bool expects_continue() const;       // waits for 100 before it sends its body
  std::size_t body_taken() const;
  const HttpRefusal& refusal() const;  // its status is 0 while nothing is refused

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::net
