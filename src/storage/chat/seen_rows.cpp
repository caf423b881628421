#include "seen_rows.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <unordered_map>

namespace tidings::sqlite {

using chat::Seen;
using chat::Seq;

namespace {

constexpr std::size_t kShownReaders = 100;

}  // namespace

SeenRows::SeenRows(Database& database)
    : users_(database.Slot<UserRows>()),
      readers_(database, "SELECT user, read FROM members WHERE room = ?1 AND read >= ?2 ORDER BY user") {}

std::vector<Seen> SeenRows::Of(chat::RoomKey room, const std::vector<chat::MessageRecord>& messages) {
  std::vector<Seen> seen(messages.size());
  if (messages.empty()) return seen;
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return messages[i].seq; });

  std::unordered_map<chat::UserKey, std::vector<std::size_t>> written;
  for (std::size_t i = 0; i < order.size(); ++i) written[messages[order[i]].author_key].push_back(i);

  // reached[k]: members whose position is past the first k messages and not past more.
  std::vector<std::uint64_t> reached(messages.size() + 1);
  std::size_t open = 0;  // the first message whose list is not full
  for (Rows rows = readers_.Query(room, messages[order.front()].seq); rows.Next();) {
    const chat::UserKey user = rows.Whole(0);
    const auto past = std::ranges::upper_bound(order, rows.Whole(1), {}, [&](auto i) { return messages[i].seq; });
    const auto count = static_cast<std::size_t>(past - order.begin());
    ++reached[count];
    // An author does not count for what they wrote; what is added for all below is taken off here.
    if (const auto own = written.find(user); own != written.end()) {
      for (const std::size_t i : own->second) seen[order[i]].count -= i < count ? 1 : 0;
    }
    std::string id;
    for (std::size_t i = open; i < count; ++i) {
      Seen& of = seen[order[i]];
      if (messages[order[i]].author_key == user || of.users.size() >= kShownReaders) continue;
      if (id.empty()) id = users_.IdOf(user);
      of.users.push_back(id);
    }
    while (open < order.size() && seen[order[open]].users.size() >= kShownReaders) ++open;
  }
  std::uint64_t readers = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    readers += reached[i + 1];
    seen[order[i]].count += readers;
  }
  return seen;
}

}  // namespace tidings::sqlite
