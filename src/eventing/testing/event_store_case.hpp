// What the EventStore suite runs on: a case for each implementation, and small pieces that its tests share.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/clock.hpp>
#include <tidings/eventing/event_store.hpp>

namespace tidings::eventing::testing {

// A store under test, with what lies beside the port.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual EventStore& store() = 0;
  virtual void AddListener(CommitListener& listener) = 0;
  virtual void Start() = 0;
  virtual void Close() = 0;
  // Closes and opens again what was stored, not started. Only with Features::persistent.
  virtual void Reopen() = 0;
};

class Setting {
 public:
  const Clock* clock = nullptr;
  std::size_t queue = 1'024;
  std::size_t batch = 256;
};

class Features {
 public:
  bool persistent = false;
  bool imports = false;
};

class Case {
 public:
  Case(std::string name, Features features, std::function<std::unique_ptr<Subject>(const Setting&)> make)
      : name(std::move(name)), features(features), make(std::move(make)) {}
  friend std::ostream& operator<<(std::ostream& out, const Case& shown) { return out << shown.name; }

  std::string name;
  Features features;
  std::function<std::unique_ptr<Subject>(const Setting&)> make;
};

inline std::string CaseName(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

// A unit of two functions.
class TestUnit final : public Unit {
 public:
  explicit TestUnit(std::function<Status(Transaction&)> run, std::function<void(const Status&)> done = {})
      : run_(std::move(run)), done_(std::move(done)) {}
  Status Run(Transaction& transaction) override { return run_(transaction); }
  void Done(const Status& outcome) override {
    if (done_) done_(outcome);
  }

 private:
  std::function<Status(Transaction&)> run_;
  std::function<void(const Status&)> done_;
};

// A listener of three functions.
class TestListener final : public CommitListener {
 public:
  void BeforeCommit(Transaction& transaction) override {
    if (before) before(transaction);
  }
  void AfterCommit(bool wrote) override {
    if (after) after(wrote);
  }
  void AfterRollback() override {
    if (rolled_back) rolled_back();
  }
  std::function<void(Transaction&)> before;
  std::function<void(bool)> after;
  std::function<void()> rolled_back;
};

inline NewEvent Event(std::string data, std::string type = "noted") { return NewEvent(type, std::move(data)); }
inline std::vector<NewEvent> Events(std::initializer_list<const char*> data) {
  std::vector<NewEvent> events;
  for (const char* each : data) events.push_back(Event(each));
  return events;
}

inline Status Void(const Result<Appended>& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

class EventStoreSuite : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override { Open(); }
  void TearDown() override { subject_.reset(); }

  void Open(Setting setting = {}, bool start = true) {
    subject_.reset();
    setting.clock = &clock_;
    subject_ = GetParam().make(setting);
    if (start) subject_->Start();
  }

  EventStore& store() { return subject_->store(); }
  Subject& subject() { return *subject_; }

  // Runs one unit and waits for its outcome.
  Status Do(std::function<Status(Transaction&)> run) {
    // The unit keeps the promise until it has been kept for good.
    const auto promise = std::make_shared<std::promise<Status>>();
    store().Submit(
        std::make_unique<TestUnit>(std::move(run), [promise](const Status& outcome) { promise->set_value(outcome); }));
    return promise->get_future().get();
  }

  // Submits all while the writer is busy, so that they share what they can, and waits for their outcomes.
  std::vector<Status> DoTogether(const std::vector<std::function<Status(Transaction&)>>& runs) {
    const auto entered = std::make_shared<std::promise<void>>();
    const auto open = std::make_shared<std::promise<void>>();
    store().Submit(std::make_unique<TestUnit>([entered, open](Transaction&) -> Status {
      entered->set_value();
      open->get_future().wait();
      return {};
    }));
    entered->get_future().wait();
    std::vector<std::future<Status>> futures;
    for (const auto& run : runs) {
      const auto promise = std::make_shared<std::promise<Status>>();
      futures.push_back(promise->get_future());
      store().Submit(
          std::make_unique<TestUnit>(run, [promise](const Status& outcome) { promise->set_value(outcome); }));
    }
    open->set_value();
    std::vector<Status> outcomes;
    for (auto& future : futures) outcomes.push_back(future.get());
    return outcomes;
  }

  std::function<Status(Transaction&)> Appending(std::string stream, std::string data,
                                                Expected expected = Expected::Any()) {
    return [=](Transaction& transaction) {
      const NewEvent event = Event(data);
      return Void(transaction.Append(stream, expected, {&event, 1}));
    };
  }

  std::vector<std::string> Data(std::string_view stream) {
    std::vector<std::string> data;
    const auto events = store().ReadStream(stream, 1, 100'000);
    if (!events) return data;
    for (const auto& event : *events) data.push_back(event.data);
    return data;
  }

  FakeClock clock_;
  std::unique_ptr<Subject> subject_;
};

// Adds to a list from any thread.
class Journal {
 public:
  void Add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace tidings::eventing::testing
