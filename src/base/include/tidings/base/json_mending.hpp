// JSON from clients whose texts may have been cut within a character.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/json.hpp>

namespace tidings::json {

// Parse, but each escape of a lone surrogate reads as U+FFFD: JSON allows it (RFC 8259 §8.2) and JSON.stringify makes it
// of half an emoji, but no UTF-8 can hold it. `text` is then a view of `mended`, which has \ufffd there.
Result<value> ParseMending(std::string_view& text, std::string& mended);

// `text` with \ufffd in the place of each lone surrogate's escape, and as long as before; nothing if it has none.
std::optional<std::string> WithoutLoneSurrogates(std::string_view text);

}  // namespace tidings::json
