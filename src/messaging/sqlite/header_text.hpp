// Headers as a text that a person can read in the table: a line `name: value` for each.
#pragma once

#include <string>
#include <string_view>

#include <tidings/messaging/headers.hpp>

namespace tidings::messaging::embedded {

// Backslashes, control characters and what is no UTF-8 are written as \xNN.
std::string HeaderText(const Headers& headers);
Headers ParseHeaderText(std::string_view text);

}  // namespace tidings::messaging::embedded
