#include "pages.hpp"

#include <algorithm>
#include <limits>

namespace tidings::sqlite {

using chat::PageQuery;
using chat::Seq;

namespace {

constexpr Seq kAll = std::numeric_limits<std::int64_t>::max();

// Asking for one more than is wanted tells whether there is more.
bool CutTo(std::vector<Seq>& numbers, std::size_t limit) {
  if (numbers.size() <= limit) return false;
  numbers.resize(limit);
  return true;
}

// Puts the last `limit` numbers below `before` in front of the page.
void TakeDown(NumberPage& page, Numbers& from, Seq before, std::size_t limit) {
  auto numbers = from.Down(before, limit + 1);
  page.has_before = CutTo(numbers, limit);
  std::ranges::reverse(numbers);
  page.numbers.insert(page.numbers.begin(), numbers.begin(), numbers.end());
}

void TakeUp(NumberPage& page, Numbers& from, Seq after, std::size_t limit) {
  auto numbers = from.Up(after, limit + 1);
  page.has_after = CutTo(numbers, limit);
  page.numbers.insert(page.numbers.end(), numbers.begin(), numbers.end());
}

}  // namespace

NumberPage PageOf(Numbers& numbers, const PageQuery& query) {
  NumberPage page;
  const Seq seq = std::min(query.seq, kAll - 1);
  switch (query.place) {
    case PageQuery::Place::kNewest: TakeDown(page, numbers, kAll, query.limit); break;
    case PageQuery::Place::kAfter:
      TakeUp(page, numbers, seq, query.limit);
      page.has_before = !numbers.Down(page.numbers.empty() ? seq + 1 : page.numbers.front(), 1).empty();
      break;
    case PageQuery::Place::kBefore:
      TakeDown(page, numbers, seq, query.limit);
      page.has_after = !numbers.Up(!page.numbers.empty() ? page.numbers.back() : seq == 0 ? 0 : seq - 1, 1).empty();
      break;
    case PageQuery::Place::kAround:
      TakeDown(page, numbers, seq, query.limit / 2);
      TakeUp(page, numbers, seq == 0 ? 0 : seq - 1, query.limit - query.limit / 2);
      break;
  }
  return page;
}

}  // namespace tidings::sqlite
