#include "http_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "chunked_reader.hpp"
#include "field_text.hpp"
#include "url.hpp"

namespace tidings::net {

namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastView = boost::beast::string_view;

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

bool IsTokenStart(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// Finds the end of a head byte by byte and refuses what servers read differently: bare CR or LF, NUL, folded lines.
class HeadScanner {
 public:
  // Looks at what was not seen yet. True when the head is whole; its size is then at().
  bool Scan(std::string_view input, const HttpLimits& limits, HttpRefusal& refusal) {
    while (at_ < input.size()) {
      const char c = input[at_++];
      if (at_ > limits.max_head)
        return Refuse(refusal, 431, "headers_too_large", "request line and headers are too large");
      if (c == '\0') return Refuse(refusal, 400, "malformed", "NUL in the head");
      if (after_cr_ != (c == '\n')) return Refuse(refusal, 400, "malformed", "a line that does not end in CR LF");
      if (c == '\n') {
        if (column_ == 0) return true;
        if (lines_++ > limits.max_headers) return Refuse(refusal, 431, "headers_too_large", "too many headers");
        column_ = 0;
      } else if (c != '\r') {
        if (column_ == 0 && lines_ == 0 && !IsTokenStart(c)) return Refuse(refusal, 400, "malformed", "not HTTP");
        if (column_ == 0 && (c == ' ' || c == '\t')) return Refuse(refusal, 400, "malformed", "a folded header");
        ++column_;
      }
      after_cr_ = c == '\r';
    }
    return false;
  }
  std::size_t at() const { return at_; }
  bool failed() const { return failed_; }

 private:
  bool Refuse(HttpRefusal& refusal, int status, std::string_view code, std::string message) {
    failed_ = true;
    refusal = {status, code, std::move(message)};
    return false;
  }

  std::size_t at_ = 0;
  std::size_t column_ = 0;
  std::size_t lines_ = 0;
  bool after_cr_ = false;
  bool failed_ = false;
};

}  // namespace

struct HttpReader::State final : http::basic_parser<true> {
  explicit State(HttpLimits given) : limits(given) {
    header_limit(static_cast<std::uint32_t>(limits.max_head) + 16);
    body_limit(boost::none);
  }

  Step ReadHead(std::string_view input, std::size_t& taken);
  Step ReadBody(std::string_view input, std::size_t& taken);
  Step ReadChunks(std::string_view input, std::size_t& taken);
  Step Refuse(int status, std::string_view code, std::string message) {
    refusal = {status, code, std::move(message)};
    refused = true;
    return Step::kRefused;
  }
  Step CheckHead();

  void on_request_impl(http::verb, BeastView method, BeastView target, int http_version, BeastError&) override {
    request.method.assign(method.data(), method.size());
    raw_target.assign(target.data(), target.size());
    version = http_version;
  }
  void on_field_impl(http::field, BeastView name, BeastView value, BeastError&) override {
    std::string lower(name.data(), name.size());
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    request.headers.emplace_back(std::move(lower), std::string(value.data(), value.size()));
  }
  // Bodies are read by ReadBody alone.
  void on_chunk_header_impl(std::uint64_t, BeastView, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, BeastError&) override { return body.size(); }
  void on_finish_impl(BeastError&) override {}
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastView body, BeastError&) override { return body.size(); }
  void on_response_impl(int, BeastView, int, BeastError&) override {}

  const HttpLimits limits;
  HeadScanner scanner;
  ChunkedReader chunked;
  realtime::HttpRequest request;
  HttpRefusal refusal;
  std::string raw_target;
  int version = 11;
  std::uint64_t length = 0;  // announced by Content-Length
  std::size_t max_body = SIZE_MAX;
  bool started = false;
  bool head_done = false;
  bool chunks = false;
  bool expects_continue = false;
  bool refused = false;
};

HttpReader::Step HttpReader::State::ReadHead(std::string_view input, std::size_t& taken) {
  // One empty line before a request is forgiven (RFC 9112 §2.2).
  if (!started) {
    if (input.empty() || input == "\r") return Step::kMore;
    started = true;
    if (input.starts_with("\r\n")) {
      taken = 2;
      input.remove_prefix(2);
    }
  }
  const bool whole = scanner.Scan(input, limits, refusal);
  if (scanner.failed()) return Refuse(refusal.status, refusal.code, std::move(refusal.message));
  if (!whole) return Step::kMore;
  BeastError error;
  const std::size_t used = put(boost::asio::const_buffer(input.data(), scanner.at()), error);
  if (error == http::error::bad_version) return Refuse(505, "malformed", "only HTTP/1.1 and HTTP/1.0 are served");
  if (error || used != scanner.at()) return Refuse(400, "malformed", "the head is not HTTP: " + error.message());
  taken += used;
  return CheckHead();
}

HttpReader::Step HttpReader::State::CheckHead() {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  for (const auto& [name, value] : request.headers) {
    if (name == "host") ++hosts;
    if (name == "content-length") {
      if (++lengths > 1 || value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != value.npos) {
        return Refuse(400, "malformed", "more than one Content-Length, or not a number");
      }
      for (const char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (name == "transfer-encoding") {
      if (!EqualsLower(value, "chunked")) return Refuse(501, "malformed", "no Transfer-Encoding but chunked is known");
      if (version < 11) return Refuse(400, "malformed", "Transfer-Encoding in HTTP/1.0");
      chunks = true;
    }
    if (name == "expect" && version == 11) {
      if (!EqualsLower(value, "100-continue")) return Refuse(417, "malformed", "unknown expectation");
      expects_continue = true;
    }
  }
  if (chunks && lengths > 0) return Refuse(400, "malformed", "Content-Length and Transfer-Encoding together");
  if (hosts > 1 || (hosts == 0 && version == 11)) return Refuse(400, "malformed", "one Host header is needed");
  if (std::ranges::find(kMethods, request.method) == std::end(kMethods)) {
    return Refuse(501, "method_not_allowed", "unknown method");
  }
  auto target = ParseTarget(raw_target);
  if (!target) return Refuse(400, "malformed", "the path is not percent-encoded UTF-8");
  request.path = std::move(target->path);
  request.segments = std::move(target->segments);
  request.query = std::move(target->query);
  head_done = true;
  return Step::kHead;
}

HttpReader::Step HttpReader::State::ReadBody(std::string_view input, std::size_t& taken) {
  if (chunks) return ReadChunks(input, taken);
  if (length > max_body) return Refuse(413, "too_large", "the body is too large");
  taken = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), length - request.body.size()));
  request.body.append(input.substr(0, taken));
  return request.body.size() == length ? Step::kWhole : Step::kMore;
}

HttpReader::Step HttpReader::State::ReadChunks(std::string_view input, std::size_t& taken) {
  switch (chunked.Read(input, taken, request.body, max_body)) {
    case ChunkedReader::Step::kWhole: return Step::kWhole;
    case ChunkedReader::Step::kTooLarge: return Refuse(413, "too_large", "the body is too large");
    case ChunkedReader::Step::kBad: return Refuse(400, "malformed", "the chunks are not well-formed");
    case ChunkedReader::Step::kMore: break;
  }
  return Step::kMore;
}

HttpReader::HttpReader(HttpLimits limits) : state_(std::make_unique<State>(limits)) {}
HttpReader::~HttpReader() = default;

HttpReader::Step HttpReader::Read(std::string_view input, std::size_t& taken) {
  taken = 0;
  if (state_->refused) return Step::kRefused;
  return state_->head_done ? state_->ReadBody(input, taken) : state_->ReadHead(input, taken);
}

void HttpReader::LimitBody(std::size_t most) { state_->max_body = most; }
realtime::HttpRequest& HttpReader::request() { return state_->request; }
bool HttpReader::keep_alive() const { return state_->head_done && state_->keep_alive(); }
bool HttpReader::version_1_1() const { return state_->version == 11; }
bool HttpReader::has_body() const { return state_->chunks || state_->length > 0; }
bool HttpReader::expects_continue() const { return state_->expects_continue && has_body(); }
std::size_t HttpReader::body_taken() const { return state_->request.body.size(); }
const HttpRefusal& HttpReader::refusal() const { return state_->refusal; }

}  // namespace tidings::net
