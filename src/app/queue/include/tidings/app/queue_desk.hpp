// QueueDesk: what operators do with queues and dead letters, the same on every transport. What is asked and what is answered
// are JSON objects, so that a running server is asked as a transport is.
//
//   {"do":"list","queues":["a"]}                 {"queue","ready","unsettled","delayed","consumers","oldestMs","dead"}, each queue
//   {"do":"peek","queue","most","ids","reason"}  {"id","type","key","headers","body"}, each letter; `body64` if it is no text
//   {"do":"edit","queue","id","body","type","key","set":{name: value},"remove":[name]}   {"edited"}
//   {"do":"replay","queue","most","ids","reason","to","perSecond","dryRun"}              {"lookedAt","selected","replayed"}
//   {"do":"purge","queue","most","ids","reason"}                                         {"purged"}
//
// `queue` is the one in which letters died; with `"waiting":true` peek and purge are about the queue itself.
#pragma once

#include <string>
#include <vector>

#include <tidings/base/json.hpp>
#include <tidings/messaging/loss_ledger.hpp>
#include <tidings/messaging/timers.hpp>
#include <tidings/messaging/transport.hpp>

namespace tidings::app {

class QueueDesk {
 public:
  // What is purged is counted in `ledger`, if there is one. All outlive it.
  QueueDesk(messaging::Transport& transport, messaging::Timers& timers, messaging::LossLedger* ledger = nullptr)
      : transport_(transport), timers_(timers), ledger_(ledger) {}

  // The answer's objects as JSON texts. kInvalid says what about the request makes no sense.
  messaging::Task<Result<std::vector<std::string>>> Do(json::object request);

 private:
  // kNotFound, in words for who typed the name, if the queue that the request is about is not there.
  messaging::Task<Status> Find(json::object request);
  messaging::Task<Result<std::vector<std::string>>> List(json::object request);
  messaging::Task<Result<std::vector<std::string>>> Peek(json::object request);
  messaging::Task<Result<std::vector<std::string>>> PeekWaiting(std::string queue, std::size_t most);
  messaging::Task<Result<std::vector<std::string>>> Edit(json::object request);
  messaging::Task<Result<std::vector<std::string>>> Replay(json::object request);
  messaging::Task<Result<std::vector<std::string>>> Purge(json::object request);

  messaging::Transport& transport_;
  messaging::Timers& timers_;
  messaging::LossLedger* ledger_;
};

}  // namespace tidings::app
