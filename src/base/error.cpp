#include <tidings/base/error.hpp>

namespace tidings {

std::string_view WireCode(ErrorCode code) {
  switch (code) {
#define TIDINGS_ERROR_CASE(name, wire, status) \
  case ErrorCode::name: return wire;
    TIDINGS_ERRORS(TIDINGS_ERROR_CASE)
#undef TIDINGS_ERROR_CASE
  }
  return "internal";
}

int HttpStatus(ErrorCode code) {
  switch (code) {
#define TIDINGS_ERROR_CASE(name, wire, status) \
  case ErrorCode::name: return status;
    TIDINGS_ERRORS(TIDINGS_ERROR_CASE)
#undef TIDINGS_ERROR_CASE
  }
  return 500;
}

}  // namespace tidings
