#include <tidings/messaging/open/open_transport.hpp>

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <filesystem>
#include <functional>

#include <tidings/testing/temp_folder.hpp>

namespace tidings::messaging {
namespace {

class OpenTransportTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Transport>> Open(const std::string& address, std::shared_ptr<MemoryBroker> memory = nullptr) {
    return OpenTransport(context_.get_executor(), timers_, ledger_, address, std::move(memory));
  }

  void Run(const std::function<Task<void>()>& task) {
    bool ended = false;
    boost::asio::co_spawn(context_, task, [&](const std::exception_ptr& thrown) {
      ended = true;
      if (thrown) std::rethrow_exception(thrown);
    });
    context_.restart();
    context_.run_for(std::chrono::seconds(30));
    ASSERT_TRUE(ended) << "it did not end in 30 s";
  }

  // What `from` accepted, `to` hands out.
  void ExpectShared(Transport& from, Transport& to) {
    Run([&]() -> Task<void> {
      Topology topology;
      topology.AddQueue("jobs");
      EXPECT_TRUE(co_await from.Declare(std::move(topology)));
      Message message("job", "7");
      EXPECT_TRUE(co_await from.Publish(Address::Queue("jobs"), std::move(message)));
      auto popped = co_await to.Pop("jobs", std::chrono::seconds(20));
      EXPECT_TRUE(popped && *popped && (*popped)->message().body == "7");
      if (popped && *popped) EXPECT_TRUE(co_await (*popped)->Ack());
      co_await to.Close();
      co_await from.Close();
    });
  }

  boost::asio::io_context context_;
  SystemTimers timers_{context_.get_executor()};
  LossLedger ledger_;
};

TEST_F(OpenTransportTest, MemoryIsOnABrokerOfItsOwnOrTheOneThatIsGiven) {
  auto alone = Open("memory:");
  ASSERT_TRUE(alone);
  EXPECT_EQ((*alone)->name(), "memory");
  ExpectShared(**alone, **alone);
  const auto broker = std::make_shared<MemoryBroker>(timers_, &ledger_);
  auto one = Open("memory:", broker);
  auto other = Open("memory:", broker);
  ASSERT_TRUE(one && other);
  ExpectShared(**one, **other);
}

TEST_F(OpenTransportTest, SqliteTakesAFolder) {
  const TempFolder folder;
  const std::string path = folder.File("queues");
  auto one = Open("sqlite:" + path);
  auto other = Open("sqlite://" + path);
  ASSERT_TRUE(one) << one.error().message();
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_EQ((*one)->name(), "sqlite");
  ExpectShared(**one, **other);
  EXPECT_TRUE(std::filesystem::exists(path + "/messaging.db"));
}

TEST_F(OpenTransportTest, BrokersAreNotReachedYet) {
  auto redis = Open("redis://127.0.0.1:1");
  ASSERT_TRUE(redis) << redis.error().message();
  EXPECT_EQ((*redis)->name(), "redis");
  for (const std::string address : {"amqp://127.0.0.1:1", "amqps://me:secret@127.0.0.1:1/shop"}) {
    auto rabbit = Open(address);
    ASSERT_TRUE(rabbit) << rabbit.error().message();
    EXPECT_EQ((*rabbit)->name(), "rabbitmq");
  }
}

TEST_F(OpenTransportTest, WhatIsNoAddressIsRefusedAndNotShown) {
  for (const std::string address :
       {"", "memory", "memory:x", "sqlite", "sqlite:", "sqlite://", "sqlite://host/folder", "redis:", "redis://",
        "rediss://:secret@host", "amqp:", "amqp://:secret@host:x", "kafka://:secret@host", "127.0.0.1:6379"}) {
    const auto opened = Open(address);
    ASSERT_FALSE(opened) << address;
    EXPECT_EQ(opened.error().code(), ErrorCode::kInvalid) << address << ": " << opened.error().message();
    EXPECT_EQ(opened.error().message().find("secret"), std::string::npos) << opened.error().message();
  }
}

}  // namespace
}  // namespace tidings::messaging
