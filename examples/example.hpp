// What the messaging examples share: `--transport`, an event loop that runs Main, and one line on what went wrong.
//
//   Task<void> Main(Example& example) {
//     auto transport = example.Connect();
//     Must(co_await transport->Publish(Address::Queue("tasks"), Message("resize", "picture 1")));
//   }
//   int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
#pragma once

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
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
  Example(int argc, char** argv) {
    CLI::App app("An example of tidings' messaging library");
    app.add_option("--transport", transport_, "memory, sqlite, redis, rabbitmq or an address: redis://HOST:PORT …")
        ->capture_default_str();
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      std::exit(app.exit(error));
    }
  }

  // A connection of its own; those of one example share their queues.
  std::unique_ptr<Transport> Connect() {
    static const std::map<std::string, std::string> kUsual = {{"memory", "memory:"},
                                                              {"sqlite", "sqlite:queues"},
                                                              {"redis", "redis://127.0.0.1:6379"},
                                                              {"rabbitmq", "amqp://127.0.0.1:5672"}};
    const auto usual = kUsual.find(transport_);
    const std::string& address = usual == kUsual.end() ? transport_ : usual->second;
    return Must(OpenTransport(context_.get_executor(), timers_, ledger_, address, memory_));
  }
  Timers& timers() { return timers_; }

  // Waits until it is so, looking a hundred times a second, for half a minute at most.
  Task<void> Until(std::function<bool()> so) {
    for (int look = 0; !so(); ++look) {
      if (look == 3'000) throw std::runtime_error("what the example waits for did not happen in 30 seconds");
      co_await timers_.Sleep(10ms);
    }
  }

  // The exit code.
  int Run(Task<void> (*main)(Example&)) {
    int code = 0;
    boost::asio::co_spawn(context_, main(*this), [&](const std::exception_ptr& thrown) {
      try {
        if (thrown) std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        code = 1;
      }
      context_.stop();
    });
    context_.run();
    return code;
  }

 private:
  std::string transport_ = "memory";
  boost::asio::io_context context_{1};
  SystemTimers timers_{context_.get_executor()};
  LossLedger ledger_;
  std::shared_ptr<MemoryBroker> memory_ = std::make_shared<MemoryBroker>(timers_, &ledger_);
};
