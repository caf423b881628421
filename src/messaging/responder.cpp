#include <tidings/messaging/responder.hpp>

#include <exception>

#include "error_reply.hpp"

namespace tidings::messaging {

class Responder::State {
 public:
  State(Answer answer_, std::string type_, LossLedger* ledger_)
      : answer(std::move(answer_)), type(std::move(type_)), ledger(ledger_) {}
  Answer answer;
  std::string type;
  LossLedger* ledger;
  ResponderStats stats;

  Task<Result<std::string>> Ask(const Message& request) const {
    try {
      Result<std::string> answered = co_await answer(request);
      co_return answered;
    } catch (const std::exception& thrown) {
      co_return Fail(ErrorCode::kInternal, std::string("the responder threw: ") + thrown.what());
    }
  }
};

Responder::Responder(Answer answer, std::string type, LossLedger* ledger)
    : state_(std::make_shared<State>(std::move(answer), std::move(type), ledger)) {}

const ResponderStats& Responder::stats() const { return state_->stats; }

Task<Status> Responder::operator()(Context& context) const {
  const auto state = state_;
  const Headers& headers = context.message().headers;
  std::string reply_to(headers.Get(header::kReplyTo));
  if (reply_to.empty()) {
    ++state->stats.no_reply_to;
    co_return context.Reject("the request has no " + std::string(header::kReplyTo));
  }
  const auto deadline = ParseTime(headers.Get(header::kDeadline));
  if (deadline && *deadline < context.timers().Now()) {
    ++state->stats.overdue;
    if (state->ledger != nullptr) state->ledger->Count(LossCause::kOverdue, context.queue());
    co_return Status();
  }
  Result<std::string> answer = co_await state->Ask(context.message());
  Message reply = context.Follow(state->type, answer ? std::move(*answer) : std::string());
  if (answer) {
    ++state->stats.answered;
  } else {
    ++state->stats.failed;
    WriteErrorReply(reply, answer.error());
  }
  // A requester that is gone took its queue with it.
  PublishOptions options;
  options.require_route = false;
  context.Send(Address::Queue(std::move(reply_to)), std::move(reply), options);
  co_return Status();
}

}  // namespace tidings::messaging
