// Responder: answers requests. Many responders may share a queue; each request goes to one of them.
//
//   router.Subscribe("calculator", Responder([](const Message& question) -> Task<Result<std::string>> {
//     co_return Sum(question.body);
//   }));
//
// An error, or an exception, is an answer too: it goes back at once and is not retried. A request that nobody waits for
// any longer is dropped and counted. The reply is sent before the request is acknowledged: a responder that dies in between
// answers twice, with the same id.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <tidings/messaging/context.hpp>
#include <tidings/messaging/loss_ledger.hpp>

namespace tidings::messaging {

class ResponderStats {
 public:
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;       // answered by an error
  std::uint64_t overdue = 0;      // came when its requester had stopped waiting
  std::uint64_t no_reply_to = 0;  // did not say where the answer goes; to the dead letters
};

class Responder {
 public:
  using Answer = std::function<Task<Result<std::string>>(const Message&)>;

  // Replies bear this type. What is overdue is counted in `ledger`, if there is one; it outlives the responder.
  explicit Responder(Answer answer, std::string type = "reply", LossLedger* ledger = nullptr);
  Task<Status> operator()(Context& context) const;
  const ResponderStats& stats() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace tidings::messaging
