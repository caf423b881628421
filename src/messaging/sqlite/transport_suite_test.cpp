#include "../testing/transport_suite.hpp"

#include "../testing/pub_sub_suite.hpp"
#include "../testing/router_suite.hpp"
#include "../testing/streams_suite.hpp"

#include <tidings/messaging/sqlite/transport.hpp>
#include <tidings/testing/temp_folder.hpp>

namespace tidings::messaging::testing {
namespace {

class FolderEnvironment final : public TransportEnvironment {
 public:
  Task<Result<std::unique_ptr<Transport>>> Open(Executor executor, Timers& timers, LossLedger& ledger) override {
    SqliteTransport::Options options;
    options.folder = folder_.File("queues");
    options.fatal = [](const std::string& line) { ADD_FAILURE() << line; };
    auto opened = SqliteTransport::Open(std::move(executor), timers, ledger, std::move(options));
    if (!opened) co_return std::unexpected(opened.error());
    co_return std::unique_ptr<Transport>(*std::move(opened));
  }

 private:
  TempFolder folder_;
};

// Times of the tests pass when they say so, however slow the machine is; or as they do for programs.
Case SqliteCase(std::string name, bool virtual_time) {
  Features features;
  features.virtual_time = virtual_time;
  features.settling = std::chrono::milliseconds(20);
  features.reopens = true;
  features.several = true;
  features.unit = std::chrono::milliseconds(200);
  features.lease = std::chrono::minutes(1);
  return Case(std::move(name), features, [] { return std::make_unique<FolderEnvironment>(); });
}

const auto kBoth = ::testing::Values(SqliteCase("virtual", true), SqliteCase("real", false));

INSTANTIATE_TEST_SUITE_P(Sqlite, TransportSuite, kBoth, CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, PubSubSuite, kBoth, CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, StreamsSuite, kBoth, CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, DisturbedSuite, kBoth, CaseName);
// Virtual time would outrun the disk: here it moves by itself, as fast as it can.
INSTANTIATE_TEST_SUITE_P(Sqlite, RouterSuite, ::testing::Values(SqliteCase("real", false)), CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, DisturbedRouter, ::testing::Values(SqliteCase("real", false)), CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
