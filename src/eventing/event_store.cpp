#include <tidings/eventing/event_store.hpp>

#include <future>
#include <utility>

#include <tidings/eventing/limits.hpp>

namespace tidings::eventing {

namespace {

class AppendUnit final : public Unit {
 public:
  AppendUnit(std::string stream, Expected expected, std::vector<NewEvent> events,
             std::move_only_function<void(Result<Appended>)> done)
      : stream_(std::move(stream)), expected_(expected), events_(std::move(events)), done_(std::move(done)) {}

  Status Run(Transaction& transaction) override {
    Result<Appended> appended = transaction.Append(stream_, expected_, events_);
    if (!appended) return std::unexpected(std::move(appended).error());
    appended_ = *appended;
    return {};
  }

  void Done(const Status& outcome) override {
    if (outcome) return done_(appended_);
    done_(std::unexpected(outcome.error()));
  }

 private:
  std::string stream_;
  Expected expected_;
  std::vector<NewEvent> events_;
  std::move_only_function<void(Result<Appended>)> done_;
  Appended appended_;
};

}  // namespace

void EventStore::Append(std::string stream, Expected expected, std::vector<NewEvent> events,
                        std::move_only_function<void(Result<Appended>)> done) {
  Submit(std::make_unique<AppendUnit>(std::move(stream), expected, std::move(events), std::move(done)));
}

Result<Appended> EventStore::AppendAndWait(std::string stream, Expected expected, std::vector<NewEvent> events) {
  std::promise<Result<Appended>> promise;
  auto future = promise.get_future();
  Append(std::move(stream), expected, std::move(events),
         [promise = std::move(promise)](Result<Appended> result) mutable { promise.set_value(std::move(result)); });
  try {
    return future.get();
  } catch (const std::future_error&) {
    return Fail(ErrorCode::kInternal, "the outcome is unknown: the store ended without an answer");
  }
}

Status CheckAppend(std::string_view stream, std::span<const NewEvent> events) {
  if (stream.empty() || stream.size() > kMaxStreamName) {
    return Fail(ErrorCode::kInvalid, "a stream's name has 1 to " + std::to_string(kMaxStreamName) + " bytes");
  }
  if (events.empty()) return Fail(ErrorCode::kInvalid, "nothing to append");
  for (const NewEvent& event : events) {
    if (event.type.empty() || event.type.size() > kMaxType) {
      return Fail(ErrorCode::kInvalid, "an event's type has 1 to " + std::to_string(kMaxType) + " bytes");
    }
    if (event.data.size() > kMaxData) {
      return Fail(ErrorCode::kTooLarge, "an event's data has at most " + std::to_string(kMaxData) + " bytes");
    }
  }
  return {};
}

}  // namespace tidings::eventing
