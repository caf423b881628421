// Error and Result: an expected failure is a value. Exceptions are for broken invariants only.
//
//   Result<Room> room = FindRoom(id);
//   if (!room) return std::unexpected(room.error());
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tidings {

// The catalogue: every code that a client can see, with its HTTP status. The names are wire contract.
// TIDINGS_ERRORS(X) calls X(enumerator, "wire_code", http_status).
#define TIDINGS_ERRORS(X)                                 \
  X(kMalformed, "malformed", 400)                         \
  X(kUnauthorized, "unauthorized", 401)                   \
  X(kForbidden, "forbidden", 403)                         \
  X(kNotFound, "not_found", 404)                          \
  X(kMethodNotAllowed, "method_not_allowed", 405)         \
  X(kTimeout, "timeout", 408)                             \
  X(kConflict, "conflict", 409)                           \
  X(kIdempotencyConflict, "idempotency_conflict", 409)    \
  X(kTooLarge, "too_large", 413)                          \
  X(kUnsupportedMediaType, "unsupported_media_type", 415) \
  X(kInvalid, "invalid", 422)                             \
  X(kRateLimited, "rate_limited", 429)                    \
  X(kHeadersTooLarge, "headers_too_large", 431)           \
  X(kInternal, "internal", 500)                           \
  X(kUnavailable, "unavailable", 503)                     \
  X(kStorageFull, "storage_full", 503)

enum class ErrorCode {
#define TIDINGS_ERROR_ENUMERATOR(name, wire, status) name,
  TIDINGS_ERRORS(TIDINGS_ERROR_ENUMERATOR)
#undef TIDINGS_ERROR_ENUMERATOR
};

// The wire name of a code, for example "idempotency_conflict".
std::string_view WireCode(ErrorCode code);

// The HTTP status of a code, for example 409.
int HttpStatus(ErrorCode code);

// What went wrong, for a person: what happened, where, what to do.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  // `details` is a JSON text (an object) that goes to the client as it is.
  Error(ErrorCode code, std::string message, std::string details)
      : code_(code), message_(std::move(message)), details_(std::move(details)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& details() const { return details_; }

  // The same error with `context: ` before its message.
  Error Within(std::string_view context) const {
    return Error(code_, std::string(context) + ": " + message_, details_);
  }

 private:
  ErrorCode code_;
  std::string message_;
  std::string details_;
};

// The value, or why there is none: std::expected, with the [[nodiscard]] that libstdc++ 12 leaves out. One that nobody
// looks at is a warning, behind co_await too (clang; g++ 12 is silent there). Where it is right not to look: `(void)`,
// and why.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result() = default;
  Result(std::expected<T, Error> other) : std::expected<T, Error>(std::move(other)) {}
};
using Status = Result<void>;

inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected(Error(code, std::move(message)));
}

}  // namespace tidings
