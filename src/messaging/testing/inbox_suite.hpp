// Conformance of Inbox. An implementation's test includes this and says how one is made and what an effect on it is:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, InboxSuite, ::testing::Values(InboxCase("Mine", make)), InboxCaseName);
//
// Its layer names messaging_inbox among its SUITES; the tests are in inbox_suite/.
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
  std::unique_ptr<InboxUnit> Begin();
  Recorded Record(InboxUnit& unit, const std::string& id, const std::string& consumer = "consumer", Millis now = 1'000);
  // Handles a message whose effect is its id; what was recorded.
  Recorded Handle(const std::string& id, const std::string& consumer = "consumer", Millis now = 1'000);

  TaskRunner runner_;
  std::unique_ptr<InboxEnvironment> environment_;
  Inbox* inbox_ = nullptr;
};

}  // namespace tidings::messaging::testing
