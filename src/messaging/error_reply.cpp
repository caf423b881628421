#include "error_reply.hpp"

#include <string>

namespace tidings::messaging {

void WriteErrorReply(Message& reply, const Error& error) {
  reply.headers.Set(header::kErrorCode, std::string(WireCode(error.code())));
  reply.headers.Set(header::kErrorText, error.message());
}

std::optional<Error> ReadErrorReply(const Message& reply) {
  const auto code = reply.headers.Find(header::kErrorCode);
  if (!code) return std::nullopt;
  std::string text(reply.headers.Get(header::kErrorText));
#define TIDINGS_ERROR_OF_WIRE(name, wire, status) \
  if (*code == wire) return Error(ErrorCode::name, std::move(text));
  TIDINGS_ERRORS(TIDINGS_ERROR_OF_WIRE)
#undef TIDINGS_ERROR_OF_WIRE
  return Error(ErrorCode::kInternal, std::string(*code) + ": " + text);
}

}  // namespace tidings::messaging
