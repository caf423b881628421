#include "metrics.hpp"

#include <string>
#include <utility>
#include <vector>

#include <tidings/base/bytes.hpp>
#include <tidings/base/log_thread.hpp>
#include <tidings/messaging/loss_report.hpp>

#include "metrics_text.hpp"
#include "process_usage.hpp"

namespace tidings::app {

namespace {

constexpr double kMicros = 1e-6;

void Connections(MetricsWriter& out, const net::ServerStats& http) {
  out.Gauge("tidings_connections", "Connections open now.", http.connections_open.Get());
  out.Gauge("tidings_websockets", "WebSockets open now.", http.websockets_open.Get());
  out.Gauge("tidings_http_requests_in_flight", "HTTP requests that wait for their answer.",
            http.requests_in_flight.Get());
  out.Gauge("tidings_input_held_bytes", "Bytes of requests and messages that are not whole yet.",
            http.input_held.Get());
  out.Gauge("tidings_output_held_bytes", "Bytes of answers that are not written yet.", http.output_held.Get());
  out.Counter("tidings_connections_accepted_total", "Connections accepted.", http.accepted.Get());
  out.Family("tidings_connections_refused_total", "counter", "Connections refused, by cause.")
      .Sample("cause", "limit", http.refused_total.Get())
      .Sample("cause", "address_limit", http.refused_address.Get())
      .Sample("cause", "no_descriptors", http.refused_descriptors.Get())
      .Sample("cause", "proxy_header", http.refused_proxy.Get())
      .Sample("cause", "tls", http.tls_failed.Get());
  out.Family("tidings_connections_timed_out_total", "counter", "Connections ended for their silence, by cause.")
      .Sample("cause", "request", http.timed_out_request.Get())
      .Sample("cause", "idle", http.timed_out_idle.Get())
      .Sample("cause", "stalled", http.timed_out_stalled.Get())
      .Sample("cause", "shed", http.shed_stalled.Get())
      .Sample("cause", "closing", http.timed_out_closing.Get());
  out.Counter("tidings_received_bytes_total", "Bytes received, before TLS.", http.bytes_in.Get());
  out.Counter("tidings_sent_bytes_total", "Bytes sent, before TLS.", http.bytes_out.Get());
  out.Counter("tidings_writes_total", "Writes to sockets.", http.writes.Get());
  out.Counter("tidings_short_writes_total", "Writes that the kernel took in part only.", http.short_writes.Get());
  out.Counter("tidings_write_batches_total", "Submissions of gathered writes.", http.batches.Get());
  out.Counter("tidings_read_batches_total", "Submissions of gathered reads.", http.read_batches.Get());
}

void Requests(MetricsWriter& out, const net::ServerStats& http) {
  out.Counter("tidings_http_requests_total", "HTTP requests.", http.requests.Get());
  out.Counter("tidings_http_bad_requests_total", "HTTP requests that the listener refused.", http.bad_requests.Get());
  out.Family("tidings_http_answers_total", "counter", "HTTP answers, by class of status.")
      .Sample("class", "ok", http.answers_1xx_3xx.Get())
      .Sample("class", "4xx", http.answers_4xx.Get())
      .Sample("class", "5xx", http.answers_5xx.Get());
  out.Counter("tidings_websockets_opened_total", "WebSockets opened.", http.websockets.Get());
  out.Counter("tidings_websocket_messages_total", "Messages that came over WebSockets.", http.messages_in.Get());
  out.Counter("tidings_websocket_frames_sent_total", "Frames sent over WebSockets.", http.frames_out.Get());
  out.Counter("tidings_websocket_errors_total", "WebSockets ended for a broken rule.", http.websocket_errors.Get());
}

void Chat(MetricsWriter& out, const net::ChatStats& chat, const sqlite::SqliteEventStore& store) {
  out.Gauge("tidings_sockets", "Socket.IO sockets connected now.", chat.sockets);
  out.Gauge("tidings_users_online", "Users with a socket now.", chat.users_online);
  out.Gauge("tidings_followed_rooms", "Rooms followed now, counted for each socket.", chat.followed);
  out.Counter("tidings_sends_total", "Messages acknowledged.", chat.sends);
  out.Family("tidings_refused_total", "counter", "Commands refused, by cause.")
      .Sample("cause", "rate_limited", chat.rate_limited)
      .Sample("cause", "error", chat.refused);
  out.Counter("tidings_deliveries_total", "Events of the log queued for sockets as they happened.", chat.deliveries);
  out.Counter("tidings_replayed_total", "Events of the log queued for sockets out of the log.", chat.replayed);
  out.Gauge("tidings_sockets_behind", "Sockets that are served out of the log now, since they were too slow.",
            chat.behind);
  out.Counter("tidings_sockets_fell_behind_total", "Sockets that became too slow.", chat.fell_behind);
  out.Family("tidings_sessions_total", "counter", "Sockets that asked for recovery, by outcome.")
      .Sample("outcome", "recovered", chat.recovered)
      .Sample("outcome", "fresh", chat.fresh_sessions);
  out.Counter("tidings_ephemeral_dropped_total", "Notices (typing, presence, seen) not sent to slow sockets.",
              chat.ephemeral_dropped);
  // Read first: the head only rises.
  const std::uint64_t live = chat.live_position;
  const eventing::Position head = store.Head();
  out.Gauge("tidings_fanout_lag_positions", "How far the fan-out is behind the log; 0 before the first commit.",
            live == 0 || head < live ? 0 : head - live);
}

void Store(MetricsWriter& out, const MetricsSources& sources) {
  const sqlite::Stats& store = sources.store.stats();
  out.Gauge("tidings_healthy", "1 if commits are taken, 0 while they are refused.", sources.store.Healthy() ? 1 : 0);
  out.Gauge("tidings_log_position", "Position of the log's newest event.", sources.store.Head());
  out.Counter("tidings_events_total", "Events appended to the log.", store.events);
  out.Counter("tidings_commits_total", "Commits that wrote.", store.commits);
  out.Counter("tidings_commit_rollbacks_total", "Batches of which nothing was stored.", store.rollbacks);
  out.Distribution("tidings_commit_seconds", "Time of a commit, with its sync.", store.commit_micros, kMicros);
  out.Distribution("tidings_batch_seconds", "Time of a batch: run and commit.", store.batch_micros, kMicros);
  out.Distribution("tidings_commit_units", "Units that shared a batch.", store.batch_units, 1);
  out.Counter("tidings_units_total", "Units of work that ran.", store.units);
  out.Family("tidings_units_refused_total", "counter", "Units of work refused, by cause.")
      .Sample("cause", "decided", store.refused)
      .Sample("cause", "turned_away", store.turned_away);
  out.Family("tidings_queue_depth", "gauge", "What waits, by queue.")
      .Sample("queue", "units", store.waiting)
      .Sample("queue", "unanswered", sources.engine.pending())
      .Sample("queue", "reads", static_cast<double>(sources.store.readers().waiting()));
  out.Gauge("tidings_wal_bytes", "Bytes of the write-ahead log that no checkpoint has moved yet.", store.wal_bytes);
  out.Gauge("tidings_wal_file_bytes", "Size of the write-ahead log's file.", store.wal_file_bytes);
  out.Counter("tidings_checkpoints_total", "Checkpoints.", store.checkpoints);
  out.Counter("tidings_checkpoints_held_total", "Checkpoints that readers kept from emptying the log.",
              store.checkpoints_held);
  out.Distribution("tidings_checkpoint_seconds", "Time of a checkpoint.", store.checkpoint_micros, kMicros);
}

void Losses(MetricsWriter& out, const messaging::LossLedger* of_queue, const std::vector<WorkerCounts>& workers) {
  messaging::LossLedger all;
  if (of_queue != nullptr) all.Add(*of_queue);
  for (const WorkerCounts& each : workers) all.Count(messaging::LossCause::kMaxLength, each.worker, each.lost);
  out.Text(messaging::LossMetrics(all));
}

void Queue(MetricsWriter& out, const QueueRelay& queue, const Clock& clock) {
  const QueueBacklog backlog = queue.Backlog();
  const Millis age = backlog.oldest_at == 0 ? 0 : std::max<Millis>(clock.Now() - backlog.oldest_at, 0);
  out.Gauge("tidings_queue_backlog_events", "Events of the log that the broker has not confirmed yet.",
            static_cast<double>(backlog.events));
  out.Gauge("tidings_queue_backlog_seconds", "Age of the oldest of them.", static_cast<double>(age) / 1'000);
  out.Gauge("tidings_queue_stuck", "1 while publishing fails; it goes on trying.", backlog.stuck ? 1 : 0);
  out.Counter("tidings_queue_published_total", "Events that the broker confirmed, repeats too.",
              static_cast<double>(backlog.published));
  out.Counter("tidings_queue_failures_total", "Stretches of the log that had to be published again.",
              static_cast<double>(backlog.failures));
  out.Counter("tidings_queue_damaged_total", "Events that could not be published, since their data is damaged.",
              static_cast<double>(backlog.damaged));
}

void Embedded(MetricsWriter& out, EmbeddedQueue& queue) {
  const std::vector<LogQueueDepth> depths = queue.Depths();
  const auto family = [&](const char* name, const char* help, std::uint64_t LogQueueDepth::* figure) {
    out.Family(name, "gauge", help);
    for (const LogQueueDepth& depth : depths) out.Sample("queue", depth.queue, static_cast<double>(depth.*figure));
  };
  family("tidings_embedded_queue_behind_positions", "How far a queue's cursor is behind the log.",
         &LogQueueDepth::behind);
  family("tidings_embedded_queue_kept", "Messages kept beside the cursor: handed out, delayed, dead letters.",
         &LogQueueDepth::kept);
  family("tidings_embedded_queue_unsettled", "Messages handed out.", &LogQueueDepth::unsettled);
  family("tidings_embedded_queue_consumers", "Consumers.", &LogQueueDepth::consumers);
  if (const auto clients = queue.amqp_clients()) {
    out.Gauge("tidings_embedded_queue_amqp_clients", "Connected AMQP clients.", static_cast<double>(*clients));
  }
}

void Workers(MetricsWriter& out, const std::vector<WorkerCounts>& workers) {
  if (workers.empty()) return;
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          std::uint64_t WorkerCounts::* count) {
    auto& samples = out.Family(name, type, help);
    for (const WorkerCounts& each : workers) {
      samples.Sample("worker", each.worker, static_cast<double>(each.*count));
    }
  };
  family("tidings_worker_early_events", "gauge", "Events that wait for those before them in their room.",
         &WorkerCounts::early);
  family("tidings_worker_missed_events_total", "counter",
         "Numbers of rooms that did not come in time, and were passed over.", &WorkerCounts::missed);
  family("tidings_worker_late_events_total", "counter", "Events that were handled after later ones of their room.",
         &WorkerCounts::late);
}

// Under the names that Prometheus' own clients use.
void Process(MetricsWriter& out) {
  const ProcessUsage usage = UsageOfProcess();
  out.Counter("process_cpu_seconds_total", "Processor time.", usage.cpu_seconds);
  out.Gauge("process_resident_memory_bytes", "Resident memory.", static_cast<double>(usage.resident_bytes));
  out.Gauge("process_virtual_memory_bytes", "Virtual memory.", static_cast<double>(usage.virtual_bytes));
  out.Gauge("process_open_fds", "Open file descriptors.", static_cast<double>(usage.open_files));
  out.Gauge("process_max_fds", "Most file descriptors.", static_cast<double>(usage.most_files));
  out.Gauge("process_start_time_seconds", "Start, in seconds since 1970.", usage.started);
  out.Counter("tidings_log_lines_dropped_total", "Lines of the log that were not written: standard error took none.",
              static_cast<double>(log::Dropped()));
  out.Family("tidings_build_info", "gauge", "The version that runs.").Sample("version", TIDINGS_VERSION, 1);
}

}  // namespace

std::string MetricsText(const MetricsSources& sources, const std::vector<WorkerCounts>& workers) {
  MetricsWriter out;
  Connections(out, sources.http);
  Requests(out, sources.http);
  Chat(out, sources.chat, sources.store);
  Store(out, sources);
  if (sources.queue != nullptr) Queue(out, *sources.queue, sources.clock);
  if (sources.embedded != nullptr) Embedded(out, *sources.embedded);
  const messaging::LossLedger* of_queue = sources.queue != nullptr      ? &sources.queue->ledger()
                                          : sources.embedded != nullptr ? &sources.embedded->ledger()
                                                                        : nullptr;
  Losses(out, of_queue, workers);
  Workers(out, workers);
  Process(out);
  return out.Take();
}

void MetricsHandler::OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) {
  const auto answer = [](int status, std::string text) {
    return realtime::HttpAnswer(status, "text/plain; version=0.0.4; charset=utf-8", std::move(text));
  };
  if (request.method != "GET" && request.method != "HEAD") {
    realtime::HttpAnswer refusal = answer(405, "only GET and HEAD are answered here\n");
    refusal.headers.emplace_back("Allow", "GET, HEAD");
    return exchange->Respond(std::move(refusal));
  }
  if (!token_.empty() && !ConstantTimeEqual(request.Header("authorization"), "Bearer " + token_)) {
    realtime::HttpAnswer refusal = answer(401, "show the token: Authorization: Bearer ...\n");
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return exchange->Respond(std::move(refusal));
  }
  exchange->Respond(answer(200, MetricsText(sources_, workers_->counts)));
  if (std::exchange(workers_->asking, true)) return;
  ask_workers_([workers = workers_](std::vector<WorkerCounts> counts) {
    workers->counts = std::move(counts);
    workers->asking = false;
  });
}

}  // namespace tidings::app
