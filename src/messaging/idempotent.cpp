#include <tidings/messaging/idempotent.hpp>

namespace tidings::messaging {

class Idempotent::Rule final : public Middleware {
 public:
  Rule(Inbox& inbox, std::chrono::milliseconds busy) : inbox_(inbox), busy_(busy) {}

  Task<Verdict> Handle(Context& context, Next next) override {
    auto unit = co_await inbox_.Begin();
    if (!unit) co_return Verdict::Failed(unit.error().Within("inbox"));
    std::string id = context.message().id;
    std::string consumer = context.consumer();
    const auto recorded = co_await (*unit)->Record(std::move(id), std::move(consumer), context.timers().Now());
    if (!recorded) {
      if (recorded.error().code() == ErrorCode::kConflict) co_return Verdict::Return(busy_);
      co_return Verdict::Failed(recorded.error().Within("inbox"));
    }
    if (*recorded == Recorded::kBefore) {
      ++repeats_;
      co_return Verdict::Done();
    }
    context.set_unit(unit->get());
    Verdict verdict = co_await next(context);
    context.set_unit(nullptr);
    if (!verdict.done()) co_return verdict;
    if (Status sent = co_await context.Flush(); !sent) co_return Verdict::Failed(std::move(sent.error()));
    if (Status committed = co_await (*unit)->Commit(); !committed) {
      co_return Verdict::Failed(committed.error().Within("inbox"));
    }
    co_return verdict;
  }

  std::uint64_t repeats() const { return repeats_; }

 private:
  Inbox& inbox_;
  std::chrono::milliseconds busy_;
  std::uint64_t repeats_ = 0;
};

Idempotent::Idempotent(Inbox& inbox, std::chrono::milliseconds busy) : rule_(std::make_shared<Rule>(inbox, busy)) {}
std::uint64_t Idempotent::repeats() const { return rule_->repeats(); }
void Idempotent::AddTo(HandlerSettings& settings) const { settings.middlewares.push_back(rule_); }

}  // namespace tidings::messaging
