#pragma once

#include <string>
#include <string_view>

namespace tidings::bench {

// An HS256 token for `user`, good for a day.
std::string MintToken(std::string_view secret, std::string_view user);

}  // namespace tidings::bench
