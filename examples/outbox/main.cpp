// An outbox: a payment, that its order was handled, and the receipt that is sent are one commit in a file.
#include "../example.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <cstdlib>
#include <filesystem>

#include <tidings/messaging/idempotent.hpp>
#include <tidings/messaging/router.hpp>
#include <tidings/messaging/sqlite/outbox.hpp>

Task<void> Main(Example& example) {
  auto transport = example.Connect();
  Must(co_await transport->Declare(Topology().AddQueue("orders").AddQueue("receipts")));
  std::string folder = "/tmp/tidings-outbox-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");

  SqliteInbox::Options options;
  options.file = folder + "/shop.db";
  options.prepare = [](tidings::sqlite::Database& database) -> Status {
    database.Execute("CREATE TABLE IF NOT EXISTS payments (what TEXT NOT NULL)");
    return SqliteOutbox::MakeTables(database);
  };
  const auto inbox = Must(SqliteInbox::Open(transport->executor(), options));
  SqliteOutbox outbox(*inbox, example.timers());

  Router router(*transport, example.timers());
  router.Subscribe("orders", Idempotent(*inbox), [&](Context& context) -> Task<Status> {
    auto& unit = context.unit()->As<SqliteUnit>();
    unit.OnCommit([what = context.message().body](tidings::sqlite::Database& database) -> Status {
      tidings::sqlite::Statement(database, "INSERT INTO payments VALUES (?)").Execute(what);
      return {};
    });
    co_return outbox.Publish(unit, Address::Queue("receipts"), context.Follow("paid", context.message().body));
  });
  Must(co_await router.Start());

  // The order comes three times, and is paid once. Its receipt waits in the file, for nothing forwards it yet.
  const Message order("order", "order 7");
  for (int i = 0; i < 3; ++i) Must(co_await transport->Publish(Address::Queue("orders"), order));
  co_await example.Until([&] { return router.stats().done == 3; });
  std::cout << "receipts that wait: " << Must(co_await outbox.Backlog()).rows << "\n";

  boost::asio::co_spawn(transport->executor(), outbox.Run(*transport), boost::asio::detached);
  auto receipt = Must(co_await transport->Pop("receipts", 20s));
  std::cout << "a receipt for " << receipt->message().body << "\n";
  Must(co_await receipt->Ack());
  co_await outbox.Stop();
  std::cout << "receipts that wait: " << Must(co_await outbox.Backlog()).rows << "\n";
  co_await router.Stop();
  std::filesystem::remove_all(folder);
}

int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
