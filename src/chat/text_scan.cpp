#include <tidings/chat/text_scan.hpp>

#include <algorithm>
#include <unordered_set>

#include <tidings/base/json.hpp>

namespace tidings::chat {

namespace {

constexpr std::size_t kMaxUserIdBytes = 512;

// Calls `plain` with each stretch of text that lies outside code spans. A run of n backticks opens a span that the next
// run of exactly n closes (CommonMark §6.1); one that nothing closes is plain.
void OutsideCode(std::string_view text, const std::function<void(std::string_view)>& plain) {
  // The runs of backticks, found once, so that many unclosed runs stay cheap.
  struct Run {
    std::size_t at;
    std::size_t length;
  };
  std::vector<Run> runs;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '`') {
      ++i;
      continue;
    }
    const std::size_t start = i;
    while (i < text.size() && text[i] == '`') ++i;
    runs.push_back({start, i - start});
  }
  std::size_t from = 0;
  // next[i]: the next run of the same length, by going backwards once.
  std::vector<std::size_t> next(runs.size(), runs.size());
  std::vector<std::pair<std::size_t, std::size_t>> last;  // length, index
  for (std::size_t i = runs.size(); i-- > 0;) {
    const auto known = std::find_if(last.begin(), last.end(), [&](const auto& l) { return l.first == runs[i].length; });
    if (known == last.end()) {
      last.emplace_back(runs[i].length, i);
    } else {
      next[i] = known->second;
      known->second = i;
    }
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (next[i] == runs.size()) continue;
    plain(text.substr(from, runs[i].at - from));
    i = next[i];
    from = runs[i].at + runs[i].length;
  }
  plain(text.substr(from));
}

bool EndsMention(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7f || c == '@' || c == ',' || c == ';' || c == '!' || c == '?' || c == '(' ||
         c == ')' || c == '<' || c == '>' || c == '"' || c == '\'' || c == '[' || c == ']' || c == '{' || c == '}';
}

bool IsWord(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

void AddOnce(std::vector<std::string>& list, std::string_view item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.emplace_back(item);
}

// Each question costs a look into the store, so that a text may bring few in vain.
class Asker {
 public:
  explicit Asker(const std::function<bool(std::string_view)>& is_member) : is_member_(is_member) {}
  bool Tired() const { return strangers_.size() >= kMostStrangers; }
  bool IsMember(std::string_view candidate) {
    if (members_.contains(candidate)) return true;
    if (Tired() || strangers_.contains(candidate)) return false;
    const bool is = is_member_(candidate);
    (is ? members_ : strangers_).insert(candidate);
    return is;
  }
  // True the first time.
  bool Found(std::string_view member) { return found_.insert(member).second; }

 private:
  const std::function<bool(std::string_view)>& is_member_;
  std::unordered_set<std::string_view> members_;  // they borrow from the text
  std::unordered_set<std::string_view> strangers_;
  std::unordered_set<std::string_view> found_;
};

}  // namespace

std::vector<std::string> FindMentions(std::string_view text, const std::function<bool(std::string_view)>& is_member) {
  std::vector<std::string> found;
  if (text.find('@') == std::string_view::npos) return found;
  Asker asker(is_member);
  OutsideCode(text, [&](std::string_view plain) {
    for (std::size_t at = plain.find('@'); !asker.Tired() && at != std::string_view::npos;
         at = plain.find('@', at + 1)) {
      if (at > 0 && IsWord(plain[at - 1])) continue;  // an address like joe@example.org
      std::size_t end = at + 1;
      while (end < plain.size() && end - at <= kMaxUserIdBytes && !EndsMention(plain[end])) ++end;
      // Shorten by one punctuation mark after the other: "@ann." and "@ann:" name ann.
      for (std::size_t length = end - at - 1; length > 0; --length) {
        const std::string_view candidate = plain.substr(at + 1, length);
        if (asker.IsMember(candidate)) {
          if (asker.Found(candidate)) found.emplace_back(candidate);
          break;
        }
        const char last = candidate.back();
        if (last != '.' && last != ':' && last != '-' && last != '/' && last != '*' && last != '_' && last != '~')
          break;
      }
    }
  });
  return found;
}

std::vector<std::string> FindLinks(std::string_view text, std::size_t most) {
  std::vector<std::string> found;
  if (text.find("://") == std::string_view::npos) return found;
  OutsideCode(text, [&](std::string_view plain) {
    for (std::size_t at = plain.find("http"); at != std::string_view::npos; at = plain.find("http", at + 4)) {
      if (at > 0 && IsWord(plain[at - 1])) continue;
      const std::string_view rest = plain.substr(at);
      const std::size_t scheme = rest.starts_with("https://") ? 8 : rest.starts_with("http://") ? 7 : 0;
      if (scheme == 0) continue;
      std::size_t end = scheme;
      while (end < rest.size() && static_cast<unsigned char>(rest[end]) > 0x20 && rest[end] != '<' &&
             rest[end] != '>' && rest[end] != '"' && rest[end] != '`' && rest[end] != 0x7f && end < 2'048) {
        ++end;
      }
      std::string_view url = rest.substr(0, end);
      const bool has_open = url.find('(') != std::string_view::npos;
      while (url.size() > scheme && std::string_view(".,;:!?'*_]}").find(url.back()) != std::string_view::npos) {
        url.remove_suffix(1);
      }
      if (!has_open && url.size() > scheme && url.back() == ')') url.remove_suffix(1);
      if (url.size() == scheme || !(IsWord(url[scheme]) || url[scheme] == '[' || (url[scheme] & 0x80) != 0)) continue;
      if (found.size() < most) AddOnce(found, url);
    }
  });
  return found;
}

std::string PendingLinks(const std::vector<std::string>& urls) {
  if (urls.empty()) return {};
  std::string out;
  for (const std::string& url : urls) {
    out += out.empty() ? '[' : ',';
    json::ObjectWriter(out)
        .Text("url", url)
        .Text("status", "pending")
        .Text("title", "")
        .Text("description", "")
        .Text("image", "")
        .Text("site", "")
        .End();
  }
  out += ']';
  return out;
}

}  // namespace tidings::chat
