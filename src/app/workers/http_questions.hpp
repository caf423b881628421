// HttpQuestions: a job's requests to HTTP servers, awaited on the job's executor and cancelled together.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <utility>

#include <tidings/messaging/task.hpp>
#include <tidings/messaging/transport.hpp>
#include <tidings/net/http_client.hpp>

namespace tidings::app {

// Executor's thread only.
class HttpQuestions {
 public:
  // REQUIRES: the client outlives it, and it outlives each Ask that waits.
  HttpQuestions(net::HttpClient& client, messaging::Executor executor)
      : client_(client), executor_(std::move(executor)) {}

  messaging::Task<net::HttpReply> Ask(net::HttpPost request);
  // What is under way gets status 0 soon.
  void CancelAll();

 private:
  net::HttpClient& client_;
  messaging::Executor executor_;
  std::set<std::uint64_t> under_way_;
};

// A pause before another try, longer by up to a tenth, so that those who failed together do not come back together.
std::chrono::milliseconds WithJitter(std::chrono::milliseconds pause);

}  // namespace tidings::app
