// Writes the heads of HTTP answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tidings/realtime/http.hpp>

namespace tidings::net {

struct AnswerContext {
  std::string_view date;   // RFC 9110 §5.6.7
  bool keep_alive = true;  // the connection goes on after this answer
  bool version_1_1 = true;
};

// Everything up to and with the empty line. Headers of the answer that hold a line end, or that the listener sets
// itself, are left out. What follows is the body, unless the request was HEAD or BodyAllowed says no.
std::string AnswerHead(const realtime::HttpAnswer& answer, const AnswerContext& context);

// Not for 1xx, 204 and 304.
bool BodyAllowed(int status);

// "Not Found" of 404.
std::string_view ReasonPhrase(int status);

// An error in the shape of the API: {"status":"error","error":{"code":…,"message":…}}. Closes the connection.
realtime::HttpAnswer ErrorAnswer(int status, std::string_view code, std::string_view message);

// "Tue, 24 Nov 2026 01:02:03 GMT"
std::string HttpDate(std::int64_t unix_seconds);

}  // namespace tidings::net
