#include "metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <tidings/storage/chat/chat_schema.hpp>
#include <tidings/storage/chat/sqlite_tables.hpp>

#include "metrics_text.hpp"

namespace tidings::app {
namespace {

using testing::HasSubstr;

// Samples by name and labels. Fails the test where the text is not as Prometheus wants it.
std::map<std::string, double> Parse(const std::string& text) {
  static const std::regex sample(R"(^([a-z_:][a-z0-9_:]*)(\{[a-z_]+="[^"\\\n]*"\})? ([0-9.e+-]+)$)");
  std::map<std::string, double> samples;
  std::set<std::string> families;
  std::string family;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << "a family comes once: " << line;
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(line.starts_with("# TYPE " + family + " ")) << line;
      continue;
    }
    std::smatch match;
    if (!std::regex_match(line, match, sample)) {
      ADD_FAILURE() << line;
      continue;
    }
    EXPECT_TRUE(match[1].str().starts_with(family)) << line;
    const bool fresh = samples.emplace(match[1].str() + match[2].str(), std::stod(match[3])).second;
    EXPECT_TRUE(fresh) << line;
  }
  EXPECT_TRUE(text.ends_with('\n'));
  return samples;
}

TEST(MetricsWriter, CountsBucketsUp) {
  tidings::Histogram<2> values{{100, 200}};
  for (const std::uint64_t value : {50, 150, 160, 500}) values.Add(value);
  MetricsWriter writer;
  writer.Distribution("some_seconds", "Some.", values, 1e-6);
  EXPECT_EQ(writer.Take(),
            "# HELP some_seconds Some.\n# TYPE some_seconds histogram\nsome_seconds_bucket{le=\"0.0001\"} 1\n"
            "some_seconds_bucket{le=\"0.0002\"} 3\nsome_seconds_bucket{le=\"+Inf\"} 4\nsome_seconds_sum 0.00086\n"
            "some_seconds_count 4\n");
}

TEST(MetricsWriter, WritesLargeCountersWhole) {
  MetricsWriter writer;
  EXPECT_THAT(writer.Counter("many_total", "Many.", 123456789012.0).Take(), HasSubstr("many_total 123456789012\n"));
}

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() {
    sqlite::SqliteEventStore::Options options;
    options.folder = folder_ = testing::TempDir() + "/metrics_" + RandomToken(8);
    options.parts.push_back(sqlite::ChatSchema());
    store_ = *sqlite::SqliteEventStore::Open(std::move(options));
    engine_ = std::make_unique<chat::Engine>(
        *store_,
        [](eventing::Transaction& transaction) -> chat::Tables& {
          return sqlite::SqliteTransaction::Of(transaction).database().Slot<sqlite::SqliteTables>();
        },
        chat::Limits{}, nullptr);
    store_->AddListener(engine_->listener());
    store_->Start();
  }
  ~MetricsTest() override {
    store_->Close();
    std::filesystem::remove_all(folder_);
  }
  MetricsSources Sources() { return {http_, chat_, *store_, *engine_, nullptr, nullptr, clock_}; }

  class Exchange final : public realtime::HttpExchange {
   public:
    explicit Exchange(realtime::HttpAnswer& answer) : answer_(answer) {}
    void Respond(realtime::HttpAnswer answer) override { answer_ = std::move(answer); }
    void OnAborted(std::move_only_function<void()>) override {}

   private:
    realtime::HttpAnswer& answer_;
  };
  realtime::HttpAnswer Ask(const std::string& token, const std::string& header) {
    const auto no_workers = [](MetricsHandler::WorkersAnswer answer) { answer({}); };
    MetricsHandler handler(Sources(), no_workers, token);
    realtime::HttpRequest request;
    request.method = "GET";
    request.path = "/metrics";
    if (!header.empty()) request.headers.emplace_back("authorization", header);
    realtime::HttpAnswer answer;
    handler.OnRequest(std::move(request), std::make_unique<Exchange>(answer));
    return answer;
  }

  std::string folder_;
  SystemClock clock_;
  net::ServerStats http_;
  net::ChatStats chat_;
  std::unique_ptr<sqlite::SqliteEventStore> store_;
  std::unique_ptr<chat::Engine> engine_;
};

TEST_F(MetricsTest, AreWellFormedAndTellWhatWasCounted) {
  http_.connections_open.Add(3);
  http_.timed_out_idle.Add(2);
  chat_.sends = 5;
  chat_.rate_limited = 7;
  WorkerCounts archive;
  archive.worker = "archive";
  archive.missed = 4;
  const auto samples = Parse(MetricsText(Sources(), {archive}));
  EXPECT_EQ(samples.at("tidings_connections"), 3);
  EXPECT_EQ(samples.at("tidings_connections_timed_out_total{cause=\"idle\"}"), 2);
  EXPECT_EQ(samples.at("tidings_sends_total"), 5);
  EXPECT_EQ(samples.at("tidings_refused_total{cause=\"rate_limited\"}"), 7);
  EXPECT_EQ(samples.at("tidings_healthy"), 1);
  EXPECT_EQ(samples.at("tidings_worker_missed_events_total{worker=\"archive\"}"), 4);
  EXPECT_EQ(samples.at("tidings_fanout_lag_positions"), 0);
  EXPECT_EQ(samples.at("tidings_queue_depth{queue=\"units\"}"), 0);
  EXPECT_GT(samples.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(samples.at("process_open_fds"), 3);
  EXPECT_GT(samples.at("process_start_time_seconds"), 1.6e9);
}

TEST_F(MetricsTest, WhatWorkersLostIsAmongTheLosses) {
  WorkerCounts webhook;
  webhook.worker = "webhook";
  webhook.lost = 6;
  const auto samples = Parse(MetricsText(Sources(), {webhook}));
  EXPECT_EQ(samples.at("tidings_messages_lost_total{cause=\"max-length\"}"), 6);
}

TEST_F(MetricsTest, AskForTheTokenIfThereIsOne) {
  EXPECT_EQ(Ask("", "").status, 200);
  EXPECT_EQ(Ask("secret", "").status, 401);
  EXPECT_EQ(Ask("secret", "Bearer other").status, 401);
  EXPECT_EQ(Ask("secret", "Bearer secret").status, 200);
  EXPECT_THAT(Ask("", "").content_type, HasSubstr("text/plain; version=0.0.4"));
}

}  // namespace
}  // namespace tidings::app
