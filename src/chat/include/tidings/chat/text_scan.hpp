// What a message's text holds besides words: mentions and links. Linear in the text, no regular expressions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tidings::chat {

// The user ids that `@<userId>` names outside code spans (`…`, ```…```), each once, in order. `is_member` tells whether
// a candidate is one: the longest that is counts, so that "@ann." finds ann. It is asked about each candidate once, and
// may say no to kMostStrangers of them: what comes after these is not looked for.
inline constexpr std::size_t kMostStrangers = 256;
std::vector<std::string> FindMentions(std::string_view text, const std::function<bool(std::string_view)>& is_member);

// The http and https addresses outside code spans, each once, at most `most`.
std::vector<std::string> FindLinks(std::string_view text, std::size_t most);

// `links` of a message that was just sent: each pending, nothing known of it yet. Empty if there are none.
std::string PendingLinks(const std::vector<std::string>& urls);

}  // namespace tidings::chat
