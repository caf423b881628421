// Dispatch: one queue, several types: each message goes to the handler of its type.
//
//   router.Subscribe("billing", Dispatch()
//       .On<OrderPlaced>([&](const OrderPlaced& order) -> Task<void> { … })
//       .On<OrderCancelled>([&](const OrderCancelled& order, Context& context) -> Task<Status> { … }));
//
// A type without a handler goes to the dead letters, unless Otherwise says what to do.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/messaging/handler.hpp>

namespace tidings::messaging {

class Dispatch {
 public:
  template <Event E, EventHandler<E> H>
  Dispatch& On(H handler) {
    return On(std::string(E::kType), ToHandler<E>(std::move(handler)));
  }
  // By the message's type; the handler reads the body itself.
  Dispatch& On(std::string type, AnyHandler handler) {
    table_->handlers[std::move(type)] = std::move(handler);
    return *this;
  }
  template <RawHandler H>
  Dispatch& Otherwise(H handler) {
    table_->otherwise = ToHandler(std::move(handler));
    return *this;
  }
  static Task<Status> Ignore(Context& context) {
    (void)context;
    co_return Status();
  }

  Task<Status> operator()(Context& context) const {
    const auto found = table_->handlers.find(context.message().type);
    if (found != table_->handlers.end()) return found->second(context);
    if (table_->otherwise) return table_->otherwise(context);
    return Unknown(context);
  }

 private:
  class Table {
   public:
    std::map<std::string, AnyHandler, std::less<>> handlers;
    AnyHandler otherwise;
  };
  static Task<Status> Unknown(Context& context) {
    co_return context.Reject("no handler for the type \"" + context.message().type + "\"");
  }
  std::shared_ptr<Table> table_ = std::make_shared<Table>();
};

}  // namespace tidings::messaging
