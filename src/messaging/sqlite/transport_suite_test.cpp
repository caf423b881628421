#include "../testing/transport_suite.hpp"

#include "../testing/pub_sub_suite.hpp"
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

Case SqliteCase() {
  Features features;
  features.reopens = true;
  features.several = true;
  // Leases of the tests are times of it, and each call is a commit on a disk that others use too.
  features.unit = std::chrono::milliseconds(200);
  return Case("Sqlite", features, [] { return std::make_unique<FolderEnvironment>(); });
}

INSTANTIATE_TEST_SUITE_P(Sqlite, TransportSuite, ::testing::Values(SqliteCase()), CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, PubSubSuite, ::testing::Values(SqliteCase()), CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, StreamsSuite, ::testing::Values(SqliteCase()), CaseName);
INSTANTIATE_TEST_SUITE_P(Sqlite, DisturbedSuite, ::testing::Values(SqliteCase()), CaseName);

}  // namespace
}  // namespace tidings::messaging::testing
