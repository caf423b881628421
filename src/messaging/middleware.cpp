#include <tidings/messaging/middleware.hpp>

#include <exception>

namespace tidings::messaging {
namespace {

// What the handler threw is an answer like any other from here on.
Task<Verdict> Invoke(AnyHandler& handler, Context& context) {
  Status status;
  try {
    status = co_await handler(context);
  } catch (const std::exception& thrown) {
    status = Fail(ErrorCode::kInternal, std::string("the handler threw: ") + thrown.what());
  } catch (...) {
    status = Fail(ErrorCode::kInternal, "the handler threw something that is no std::exception");
  }
  if (status) co_return Verdict::Done();
  if (context.rejected()) co_return Verdict::Bury(context.rejection(), std::move(status.error()));
  co_return Verdict::Failed(std::move(status.error()));
}

}  // namespace

Task<Verdict> Next::operator()(Context& context) const {
  if (rest_.empty()) return Invoke(*handler_, context);
  return rest_.front()->Handle(context, Next(rest_.subspan(1), *handler_));
}

}  // namespace tidings::messaging
