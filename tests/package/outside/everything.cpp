// Every public header in one program, linked to what opens any transport: each is taken out of a folder or address, and the
// types that hold texts or functions are no aggregates, which the coroutines of g++ 12 destroy twice (docs/adr/0006).
#include "all_headers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <iostream>
#include <type_traits>

using namespace tidings::messaging;

template <class... Types>
constexpr bool NoAggregates = (!std::is_aggregate_v<Types> && ...);

static_assert(
    NoAggregates<Address, Binding, CloudEvent, ConsumeOptions, DeadQueue, Delivery, ExchangeDeclaration,
                 HandlerSettings, Headers, MemoryOptions, Message, Notice, Outgoing, PublishOptions, QueueDeclaration,
                 QueueOptions, RabbitOptions, ReplayOptions, RequesterOptions, Selection, SqliteInbox::Options,
                 SqliteTransport::Options, StreamEntry, StreamId, Topology, TraceParent, TrimPolicy, Verdict>);
static_assert(NoAggregates<tidings::redis::RedisOptions, tidings::redis::RedisUrl, tidings::Error>);

// Opens the transport and closes it; of a folder one message goes through it.
Task<bool> Try(Executor executor, Timers& timers, LossLedger& ledger, std::string address, bool there) {
  auto transport = OpenTransport(executor, timers, ledger, address);
  if (!transport) {
    std::cerr << address << ": " << transport.error().message() << '\n';
    co_return false;
  }
  bool good = true;
  if (there) {
    auto declared = co_await (*transport)->Declare(Topology().AddQueue("jobs"));
    auto published = co_await (*transport)->Publish(Address::Queue("jobs"), Message("work"));
    auto popped = co_await (*transport)->Pop("jobs", std::chrono::seconds(10));
    good = declared && published && popped && *popped && (*popped)->message().body == "work";
    if (good) good = (co_await (*popped)->Ack()).has_value();
  }
  co_await (*transport)->Close();
  if (!good) std::cerr << address << ": a message did not come through\n";
  co_return good;
}

int main() {
  const auto folder = std::filesystem::temp_directory_path() / ("tidings-package-" + tidings::RandomToken(8));
  boost::asio::io_context context(1);
  SystemTimers timers(context.get_executor());
  LossLedger ledger;
  int good = 0;
  for (const auto& [address, there] :
       {std::pair(std::string("memory:"), true), std::pair("sqlite:" + folder.string(), true),
        std::pair(std::string("redis://127.0.0.1:1"), false), std::pair(std::string("amqp://127.0.0.1:1"), false)}) {
    boost::asio::co_spawn(context, Try(context.get_executor(), timers, ledger, address, there),
                          [&](const std::exception_ptr& failure, bool tried) { good += !failure && tried ? 1 : 0; });
    context.restart();
    context.run_for(std::chrono::seconds(30));
  }
  std::filesystem::remove_all(folder);
  std::cout << good << " of 4 transports\n";
  return good == 4 ? 0 : 1;
}
