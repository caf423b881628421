#include <tidings/messaging/order_by_number.hpp>

#include <utility>

#include <tidings/messaging/numbering.hpp>

#include "number_order.hpp"

namespace tidings::messaging {

Task<Verdict> NumberOrder::Handle(Context& context, Next next) {
  const auto place = SequencePlace::Of(context.message());
  if (!place) co_return co_await next(context);
  context.unit()->As<NumberedUnit>().Advance(context.consumer(), place->sequence(), place->number(),
                                             context.timers().Now());
  Verdict verdict = co_await next(context);
  if (verdict.done() && context.late()) ++late;
  co_return verdict;
}

Task<Status> NumberOrder::PassBy(std::string consumer, std::string sequence, std::uint64_t number, Millis now) {
  auto begun = co_await inbox_->Begin();
  if (!begun) co_return std::unexpected(begun.error());
  (*begun)->As<NumberedUnit>().Advance(std::move(consumer), std::move(sequence), number, now);
  co_return co_await (*begun)->Commit();
}

void NumberOrder::CountMissed(const std::string& queue, std::uint64_t messages) {
  missed += messages;
  if (bounds_.ledger != nullptr) bounds_.ledger->Count(LossCause::kMissed, queue, messages);
}

OrderByNumber::OrderByNumber(NumberedInbox& inbox, NumberBounds bounds)
    : once_(inbox), order_(std::make_shared<NumberOrder>(inbox, bounds)) {}

void OrderByNumber::AddTo(HandlerSettings& settings) const {
  once_.AddTo(settings);
  settings.middlewares.push_back(order_);
  settings.number_order = order_;
  if (!settings.key_of) OrderByKey().AddTo(settings);
}

std::uint64_t OrderByNumber::repeats() const { return once_.repeats(); }
std::uint64_t OrderByNumber::missed() const { return order_->missed; }
std::uint64_t OrderByNumber::late() const { return order_->late; }
std::uint64_t OrderByNumber::given_back() const { return order_->given_back; }

}  // namespace tidings::messaging
