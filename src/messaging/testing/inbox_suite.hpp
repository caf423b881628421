// Conformance of Inbox. An implementation's test includes this and says how one is made and what an effect on it is:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, InboxSuite, ::testing::Values(InboxCase("Mine", make)), InboxCaseName);
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tidings/messaging/inbox.hpp>

#include "task_runner.hpp"

namespace tidings::messaging::testing {

// Where a case's inbox lives.
class InboxEnvironment {
 public:
  virtual ~InboxEnvironment() = default;
  // The inbox; closed and opened over the same data when it is called again, where `reopens`.
  virtual Inbox& Open(Executor executor) = 0;
  virtual bool reopens() const { return false; }
  // Makes the unit write `word`, and what units wrote so far, in order.
  virtual void Write(InboxUnit& unit, const std::string& word) = 0;
  virtual std::vector<std::string> Words() = 0;
};

class InboxCase {
 public:
  using Make = std::function<std::unique_ptr<InboxEnvironment>()>;
  InboxCase(std::string name_, Make make_) : name(std::move(name_)), make(std::move(make_)) {}
  std::string name;
  Make make;
};

inline std::string InboxCaseName(const ::testing::TestParamInfo<InboxCase>& info) { return info.param.name; }
inline void PrintTo(const InboxCase& value, std::ostream* out) { *out << value.name; }

class InboxSuite : public ::testing::TestWithParam<InboxCase> {
 protected:
  using Words = std::vector<std::string>;

  InboxSuite() : environment_(GetParam().make()) { Open(); }

  void Open() { inbox_ = &environment_->Open(runner_.executor()); }
  Inbox& inbox() { return *inbox_; }
  InboxEnvironment& environment() { return *environment_; }
  template <class T>
  T Run(Task<T> task) {
    return runner_.Run(std::move(task));
  }
  std::unique_ptr<InboxUnit> Begin() {
    auto unit = Run(inbox_->Begin());
    if (!unit) throw std::runtime_error(unit.error().message());
    return *std::move(unit);
  }
  Recorded Record(InboxUnit& unit, const std::string& id, const std::string& consumer = "consumer",
                  Millis now = 1'000) {
    const auto recorded = Run(unit.Record(id, consumer, now));
    if (!recorded) throw std::runtime_error(recorded.error().message());
    return *recorded;
  }
  // Handles a message whose effect is its id; what was recorded.
  Recorded Handle(const std::string& id, const std::string& consumer = "consumer", Millis now = 1'000) {
    const auto unit = Begin();
    const Recorded recorded = Record(*unit, id, consumer, now);
    if (recorded == Recorded::kBefore) return recorded;
    environment_->Write(*unit, id);
    const Status committed = Run(unit->Commit());
    EXPECT_TRUE(committed) << committed.error().message();
    return recorded;
  }

  TaskRunner runner_;
  std::unique_ptr<InboxEnvironment> environment_;
  Inbox* inbox_ = nullptr;
};

TEST_P(InboxSuite, EachConsumerHandlesAMessageOnce) {
  EXPECT_EQ(Handle("a", "one"), Recorded::kFirst);
  EXPECT_EQ(Handle("a", "one"), Recorded::kBefore);
  EXPECT_EQ(Handle("a", "two"), Recorded::kFirst);
  EXPECT_EQ(Handle("b", "one"), Recorded::kFirst);
  EXPECT_EQ(Handle("a", "two"), Recorded::kBefore);
  EXPECT_EQ(environment().Words(), (Words{"a", "a", "b"}));
}

TEST_P(InboxSuite, WithoutACommitThereIsNeitherEffectNorRecord) {
  {
    const auto unit = Begin();
    EXPECT_EQ(Record(*unit, "a"), Recorded::kFirst);
    environment().Write(*unit, "a");
  }
  EXPECT_EQ(environment().Words(), Words());
  EXPECT_EQ(Handle("a"), Recorded::kFirst);
  EXPECT_EQ(environment().Words(), (Words{"a"}));
}

TEST_P(InboxSuite, WhatAnotherUnitHandlesConflictsUntilThatEnds) {
  auto first = Begin();
  const auto second = Begin();
  EXPECT_EQ(Record(*first, "a"), Recorded::kFirst);
  const auto refused = Run(second->Record("a", "consumer", 1'000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(Record(*second, "a", "other"), Recorded::kFirst);
  first.reset();
  EXPECT_EQ(Record(*second, "a"), Recorded::kFirst);
  environment().Write(*second, "both");
  EXPECT_TRUE(Run(second->Commit()));
  const auto third = Begin();
  EXPECT_EQ(Record(*third, "a"), Recorded::kBefore);
  EXPECT_EQ(Record(*third, "a", "other"), Recorded::kBefore);
  EXPECT_EQ(environment().Words(), (Words{"both"}));
}

TEST_P(InboxSuite, AUnitMayRecordMuchAndNothing) {
  const auto many = Begin();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Record(*many, std::to_string(i)), Recorded::kFirst);
  environment().Write(*many, "many");
  EXPECT_TRUE(Run(many->Commit()));
  EXPECT_EQ(Handle("49"), Recorded::kBefore);
  const auto none = Begin();
  EXPECT_TRUE(Run(none->Commit()));
}

TEST_P(InboxSuite, UnitsThatCommitAtOnceAllDo) {
  int committed = 0;
  const auto handle = [&](int number) -> Task<void> {
    auto unit = co_await inbox().Begin();
    std::string id = std::to_string(number);
    const auto recorded = co_await (*unit)->Record(id, "consumer", 1'000);
    EXPECT_TRUE(recorded && *recorded == Recorded::kFirst);
    environment().Write(**unit, id);
    if (co_await (*unit)->Commit()) ++committed;
  };
  for (int i = 0; i < 200; ++i) runner_.Spawn(handle(i));
  EXPECT_TRUE(runner_.Until([&] { return committed == 200; }));
  EXPECT_EQ(environment().Words().size(), 200U);
  EXPECT_EQ(Handle("199"), Recorded::kBefore);
}

TEST_P(InboxSuite, ForgetsWhatIsOld) {
  EXPECT_EQ(Handle("a", "consumer", 1'000), Recorded::kFirst);
  EXPECT_EQ(Handle("b", "consumer", 2'000), Recorded::kFirst);
  EXPECT_EQ(Handle("c", "consumer", 3'000), Recorded::kFirst);
  EXPECT_EQ(Run(inbox().Forget(1'000)).value(), 0U);
  EXPECT_EQ(Run(inbox().Forget(3'000)).value(), 2U);
  EXPECT_EQ(Handle("c"), Recorded::kBefore);
  EXPECT_EQ(Handle("a"), Recorded::kFirst);
}

TEST_P(InboxSuite, RemembersOverAReopen) {
  if (!environment().reopens()) GTEST_SKIP() << "lasts as long as the process";
  EXPECT_EQ(Handle("a"), Recorded::kFirst);
  Open();
  EXPECT_EQ(Handle("a"), Recorded::kBefore);
  EXPECT_EQ(Handle("b"), Recorded::kFirst);
  EXPECT_EQ(environment().Words(), (Words{"a", "b"}));
}

}  // namespace tidings::messaging::testing
