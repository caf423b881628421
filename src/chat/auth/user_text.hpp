// Texts about users that come from outside.
#pragma once

#include <string>
#include <string_view>

namespace tidings::auth {

// A name for showing: controls become spaces, at most 128 characters are kept. REQUIRES: IsUtf8(name).
std::string CleanName(std::string_view name);

}  // namespace tidings::auth
