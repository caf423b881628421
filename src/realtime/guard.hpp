// Guard: what an application throws ends in the log, not in a half-done state. Private to the layer.
#pragma once

#include <exception>
#include <string_view>

#include <tidings/base/log.hpp>

namespace tidings::realtime {

// Calls `call`; false if it threw.
template <class Call>
bool Guard(std::string_view what, const Call& call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    log::Err("a handler failed", {{"handler", what}, {"error", error.what()}});
    return false;
  }
}

}  // namespace tidings::realtime
