#include "http_writer.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>

#include <tidings/base/json.hpp>

#include "field_text.hpp"

namespace tidings::net {

namespace {

// Set by the listener alone, since they say where an answer ends.
bool IsOurs(std::string_view name) {
  for (const std::string_view ours : {"content-length", "transfer-encoding", "connection", "date"}) {
    if (EqualsLower(name, ours)) return true;
  }
  return false;
}

bool IsOneLine(std::string_view text) {
  constexpr std::string_view kEnds("\r\n\0", 3);
  return text.find_first_of(kEnds) == text.npos;
}

void Header(std::string& out, std::string_view name, std::string_view value) {
  if (!IsOneLine(name) || !IsOneLine(value)) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool BodyAllowed(int status) { return status >= 200 && status != 204 && status != 304; }

std::string AnswerHead(const realtime::HttpAnswer& answer, const AnswerContext& context) {
  std::string out;
  out.reserve(256 + (answer.body.size() < 4096 ? answer.body.size() : 0));
  out.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ");
  out.append(ReasonPhrase(answer.status)).append("\r\n");
  Header(out, "Date", context.date);
  if (!answer.content_type.empty()) Header(out, "Content-Type", answer.content_type);
  if (BodyAllowed(answer.status)) Header(out, "Content-Length", std::to_string(answer.body.size()));
  bool nosniff = false;
  for (const auto& [name, value] : answer.headers) {
    if (IsOurs(name)) continue;
    if (EqualsLower(name, "x-content-type-options")) nosniff = true;
    Header(out, name, value);
  }
  if (!nosniff) Header(out, "X-Content-Type-Options", "nosniff");
  if (!context.keep_alive) {
    Header(out, "Connection", "close");
  } else if (!context.version_1_1) {
    Header(out, "Connection", "keep-alive");
  }
  out.append("\r\n");
  return out;
}

realtime::HttpAnswer ErrorAnswer(int status, std::string_view code, std::string_view message) {
  std::string body = R"({"status":"error","error":{"code":)";
  body.append(json::Quote(code)).append(R"(,"message":)").append(json::Quote(message)).append("}}");
  realtime::HttpAnswer answer(status, "application/json; charset=utf-8", std::move(body));
  answer.close = true;
  return answer;
}

std::string HttpDate(std::int64_t unix_seconds) {
  using namespace std::chrono;
  const sys_seconds time{seconds{unix_seconds}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT", kDays[weekday(day).c_encoding()],
                static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return text;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Unknown";
  }
}

}  // namespace tidings::net
