#include <stdexcept>

#include "testing/inbox_suite.hpp"

namespace tidings::messaging::testing {

std::unique_ptr<InboxUnit> InboxSuite::Begin() {
  auto unit = Run(inbox_->Begin());
  if (!unit) throw std::runtime_error(unit.error().message());
  return *std::move(unit);
}

Recorded InboxSuite::Record(InboxUnit& unit, const std::string& id, const std::string& consumer, Millis now) {
  const auto recorded = Run(unit.Record(id, consumer, now));
  if (!recorded) throw std::runtime_error(recorded.error().message());
  return *recorded;
}

Recorded InboxSuite::Handle(const std::string& id, const std::string& consumer, Millis now) {
  const auto unit = Begin();
  const Recorded recorded = Record(*unit, id, consumer, now);
  if (recorded == Recorded::kBefore) return recorded;
  environment_->Write(*unit, id);
  const Status committed = Run(unit->Commit());
  EXPECT_TRUE(committed) << committed.error().message();
  return recorded;
}

}  // namespace tidings::messaging::testing
