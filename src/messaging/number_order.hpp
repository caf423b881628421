// NumberOrder: what one OrderByNumber is to its Consumptions: where positions are kept, bounds, counts; and the middleware that
// writes a message's place into the transaction of its effect.
#pragma once

#include <tidings/messaging/middleware.hpp>
#include <tidings/messaging/order_by_number.hpp>

namespace tidings::messaging {

class NumberOrder final : public Middleware {
 public:
  NumberOrder(NumberedInbox& inbox, NumberBounds bounds) : inbox_(&inbox), bounds_(bounds) {}

  // Within Idempotent: a repeat does not reach it.
  Task<Verdict> Handle(Context& context, Next next) override;

  const NumberBounds& bounds() const { return bounds_; }
  Task<Result<std::optional<std::uint64_t>>> Position(std::string consumer, std::string sequence) {
    return inbox_->Position(std::move(consumer), std::move(sequence));
  }
  // Of a message that was buried: its turn is over.
  Task<Status> PassBy(std::string consumer, std::string sequence, std::uint64_t number, Millis now);
  void CountMissed(const std::string& queue, std::uint64_t messages);

  std::uint64_t missed = 0;
  std::uint64_t late = 0;
  std::uint64_t given_back = 0;

 private:
  NumberedInbox* inbox_;
  NumberBounds bounds_;
};

}  // namespace tidings::messaging
