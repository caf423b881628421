// Metrics: what the server counts, in Prometheus' text format 0.0.4. No name of a user, a room or an address is in it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidings/app/embedded_queue.hpp>
#include <tidings/app/queue_relay.hpp>
#include <tidings/app/worker_counts.hpp>
#include <tidings/chat/engine.hpp>
#include <tidings/net/chat/services.hpp>
#include <tidings/net/server_stats.hpp>
#include <tidings/realtime/link.hpp>
#include <tidings/storage/sqlite/event_store.hpp>

namespace tidings::app {

struct MetricsSources {
  const net::ServerStats& http;
  const net::ChatStats& chat;
  sqlite::SqliteEventStore& store;
  const chat::Engine& engine;
  const QueueRelay* queue;  // null: nothing is published
  EmbeddedQueue* embedded;  // null: the queues are a broker's
  const Clock& clock;
};

std::string MetricsText(const MetricsSources& sources, const std::vector<WorkerCounts>& workers);

// Serves them, to those who show the token if there is one.
class MetricsHandler final : public realtime::RequestHandler {
 public:
  // Tells, on the loop, what the workers counted; nothing if that cannot be read now.
  using WorkersAnswer = std::move_only_function<void(std::vector<WorkerCounts>)>;
  using AskWorkers = std::function<void(WorkersAnswer)>;

  MetricsHandler(MetricsSources sources, AskWorkers ask_workers, std::string token)
      : sources_(sources), ask_workers_(std::move(ask_workers)), token_(std::move(token)) {}
  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override;

 private:
  // What was known of the workers when one asked last: nobody who asks waits for the disk.
  class Workers {
   public:
    std::vector<WorkerCounts> counts;
    bool asking = false;
  };

  MetricsSources sources_;
  AskWorkers ask_workers_;
  std::shared_ptr<Workers> workers_ = std::make_shared<Workers>();
  std::string token_;
};

}  // namespace tidings::app
