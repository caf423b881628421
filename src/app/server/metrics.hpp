// Metrics: what the server counts, in Prometheus' text format 0.0.4. No name of a user, a room or an address is in it.
#pragma once

#include <string>

#include <tidings/app/embedded_queue.hpp>
#include <tidings/app/queue_relay.hpp>
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

std::string MetricsText(const MetricsSources& sources);

// Serves them, to those who show the token if there is one.
class MetricsHandler final : public realtime::RequestHandler {
 public:
  MetricsHandler(MetricsSources sources, std::string token) : sources_(sources), token_(std::move(token)) {}
  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override;

 private:
  MetricsSources sources_;
  std::string token_;
};

}  // namespace tidings::app
