// RabbitTransportStreams: transports on the shared server, and one stream of a test's own.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/id.hpp>
#include <tidings/base/temp_folder.hpp>
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>
#include <tidings/messaging/servers/rabbit_server.hpp>
#include <tidings/messaging/streams.hpp>

#include "../../testing/task_runner.hpp"

namespace tidings::messaging::testing {

class RabbitTransportStreams : public ::testing::Test {
 protected:
  RabbitTransportStreams() : timers_(runner_.executor()), stream_("stream." + RandomToken(12)) {}
  ~RabbitTransportStreams() override {
    for (const auto& transport : transports_) runner_.Run(transport->Close());
    transports_.clear();
    runner_.Poll();
  }

  static RabbitOptions Options() { return RabbitOptions(servers::SharedRabbit().url()); }
  // RabbitMQ keeps 30,000 bytes, by segments of 10,000.
  static RabbitOptions Trimmed() {
    RabbitOptions options = Options();
    options.stream_segment_bytes = 10'000;
    options.stream_most_bytes = 30'000;
    return options;
  }
  RabbitTransport& Use(RabbitOptions options) {
    transports_.push_back(*RabbitTransport::Make(runner_.executor(), timers_, ledger_, std::move(options)));
    return *transports_.back();
  }

  template <class T>
  T Run(Task<Result<T>> task) {
    auto result = runner_.Run(std::move(task));
    if (!result) throw std::runtime_error(result.error().message());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  std::vector<StreamId> AppendMany(Streams& streams, int count, std::size_t size) {
    std::vector<StreamId> ids;
    for (int i = 0; i < count; ++i) {
      ids.push_back(Run(streams.Append(stream_, Message("m", std::to_string(i) + std::string(size, 'x')))));
    }
    return ids;
  }
  std::vector<StreamEntry> ReadAll(Streams& streams, StreamId after) {
    std::vector<StreamEntry> all;
    for (;;) {
      auto page = Run(streams.Read(stream_, after, 50, std::chrono::milliseconds(0)));
      if (page.empty()) return all;
      after = page.back().id;
      for (StreamEntry& entry : page) all.push_back(std::move(entry));
    }
  }

  // Erlang expressions, in the broker.
  static void Eval(const std::string& expressions) {
    const TempFolder folder;
    const std::string file = folder.File("expressions");
    std::ofstream(file) << expressions;
    EXPECT_EQ(servers::SharedRabbit().Call("file eval [\"" + file + "\"]").substr(0, 2), "ok");
  }
  // Begins the call, and cancels it after so many turns of the executor. False: it was over before.
  template <class T>
  bool CutShort(Task<T> task, int turns) {
    const auto cancel = std::make_shared<boost::asio::cancellation_signal>();
    const auto ended = std::make_shared<bool>(false);
    boost::asio::co_spawn(runner_.executor(), std::move(task),
                          boost::asio::bind_cancellation_slot(
                              cancel->slot(), [ended](const std::exception_ptr&, const auto&) { *ended = true; }));
    int turn = 0;
    runner_.Until([&] { return *ended || turn++ >= turns; });
    const bool before = *ended;
    cancel->emit(boost::asio::cancellation_type::terminal);
    EXPECT_TRUE(runner_.Until([&] { return *ended; }));
    // Asio passes the signal on in a turn of its own, whether or not the call is over by then.
    runner_.Poll();
    return !before;
  }

  TaskRunner runner_;
  SystemTimers timers_;
  LossLedger ledger_;
  std::string stream_;
  std::vector<std::unique_ptr<RabbitTransport>> transports_;
};

}  // namespace tidings::messaging::testing
