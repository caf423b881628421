// HTTP as the layers above see it: requests that are read whole, answers that are written whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidings::realtime {

// A request as it was checked by the listener: bounded, its path and query percent-decoded, its header names lower case.
class HttpRequest {
 public:
  std::string method;                                        // "GET"
  std::string path;                                          // "/socket.io/", decoded, well-formed UTF-8
  std::vector<std::string> segments;                         // of the path, each decoded: one may hold a slash
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;
  std::string remote_address;                                // the client's, behind trusted proxies too; no port
  std::string address_group;                                 // whom limits by address count: an IPv6 address's /64
  bool secure = false;                                       // came over TLS, or a trusted proxy says so
  std::string id;                                            // for logs; may be empty

  // The first value, or an empty view.
  std::string_view Query(std::string_view name) const;
  std::string_view Header(std::string_view lower_case_name) const;
};

class HttpAnswer {
 public:
  HttpAnswer() = default;
  HttpAnswer(int status_code, std::string type, std::string content)
      : status(status_code), content_type(std::move(type)), body(std::move(content)) {}

  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;  // besides Content-Type and Content-Length
  std::string body;
  bool close = false;                                        // end the connection after this answer
};

// One request that waits for its answer. Held by whoever answers; lives on the connection's thread, and may outlive
// the connection: answering a client that has gone does nothing.
class HttpExchange {
 public:
  // Dropped without an answer, the connection is closed: the outcome is unknown to the client.
  virtual ~HttpExchange() = default;
  // Answers. REQUIRES: at most once.
  virtual void Respond(HttpAnswer answer) = 0;
  // Calls `aborted` if the client goes away before the answer; never from within this call, nor after Respond.
  virtual void OnAborted(std::move_only_function<void()> aborted) = 0;
};

}  // namespace tidings::realtime
