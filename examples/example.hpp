// What the messaging examples share: `--transport`, an event loop that runs Main, and one line on what went wrong.
//
//   Task<void> Main(Example& example) {
//     auto transport = example.Connect();
//     Must(co_await transport->Publish(Address::Queue("tasks"), Message("resize", "picture 1")));
//   }
//   int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <tidings/messaging/open/open_transport.hpp>

using namespace tidings::messaging;
using namespace std::chrono_literals;

// The value, or the end of the example with the error's text: a real program looks at the error.
template <class T>
T Must(tidings::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Example {
 public:
  Example(int argc, char** argv);

  // A connection of its own; those of one example share their queues.
  std::unique_ptr<Transport> Connect();
  Timers& timers() { return timers_; }

  // Waits until it is so, looking a hundred times a second, for half a minute at most.
  Task<void> Until(std::function<bool()> so);

  // The exit code.
  int Run(Task<void> (*main)(Example&));

 private:
  std::string transport_ = "memory";
  boost::asio::io_context context_{1};
  SystemTimers timers_{context_.get_executor()};
  LossLedger ledger_;
  std::shared_ptr<MemoryBroker> memory_ = std::make_shared<MemoryBroker>(timers_, &ledger_);
};
