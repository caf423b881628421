// Queues and dead letters: of a transport, or those embedded in a store.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <thread>

#include <tidings/app/commands.hpp>
#include <tidings/app/queue_desk.hpp>
#include <tidings/app/queue_session.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>

#include "access.hpp"
#include "queue_print.hpp"

namespace tidings::app {
namespace {

using Lines = std::vector<std::string>;
// Asks once.
using Ask = std::function<Result<Lines>(const json::object&)>;

// What a running server replays by one request, in seconds.
constexpr double kReplayedAtOnce = 5;

QueueWork Asking(const json::object& request, Lines& lines) {
  return [&](messaging::Transport& transport, messaging::Timers& timers) -> messaging::Task<Status> {
    QueueDesk desk(transport, timers);
    auto answer = co_await desk.Do(request);
    if (!answer) co_return std::unexpected(answer.error());
    lines = std::move(*answer);
    co_return Status();
  };
}

Result<Lines> AskServer(ControlClient& server, const json::object& request) {
  const auto answer = server.Post("/control/queue", json::serialize(request));
  if (!answer) return std::unexpected(answer.error());
  const auto* lines = answer->if_contains("lines");
  if (lines == nullptr || !lines->is_array()) return Fail(ErrorCode::kInternal, "the server's answer makes no sense");
  Lines texts;
  for (const auto& line : lines->get_array()) texts.push_back(json::serialize(line));
  return texts;
}

std::uint64_t NumberIn(const std::string& line, std::string_view name) {
  const auto parsed = json::Parse(line);
  if (!parsed || !parsed->is_object()) return 0;
  const auto number = json::OptionalWhole(parsed->get_object(), name);
  return number ? number->value_or(0) : 0;
}

// Piece by piece, so that no request takes long; no more than there are now, so that what dies again is not replayed again.
Result<Lines> ReplayThrough(const Ask& ask, json::object request) {
  const auto most = json::OptionalWhole(request, "most");
  const auto* rate = request.if_contains("perSecond");
  const double per_second = rate != nullptr && rate->is_number() ? rate->to_number<double>() : 100;
  const auto dry_run = json::OptionalBool(request, "dryRun");
  if (dry_run && dry_run->value_or(false)) return ask(request);
  json::object look = request;
  look["dryRun"] = true;
  const auto there = ask(look);
  if (!there) return there;
  std::uint64_t left = NumberIn(there->front(), "selected");
  if (most && *most) left = std::min(left, **most);
  const auto piece = per_second <= 0 ? left : static_cast<std::uint64_t>(std::max(1.0, per_second * kReplayedAtOnce));
  std::uint64_t replayed = 0;
  const auto began = std::chrono::steady_clock::now();
  while (left > 0) {
    // The server keeps the rate within a piece.
    if (per_second > 0) {
      std::this_thread::sleep_until(began + std::chrono::milliseconds(static_cast<std::int64_t>(
                                                std::min(1'000.0 * static_cast<double>(replayed) / per_second, 1e12))));
    }
    request["most"] = std::min(left, std::max<std::uint64_t>(piece, 1));
    const auto done = ask(request);
    if (!done) return done;
    const std::uint64_t now = NumberIn(done->front(), "replayed");
    replayed += now;
    if (now == 0) break;
    left -= std::min(left, now);
  }
  return Lines{json::serialize(json::object{
      {"lookedAt", NumberIn(there->front(), "lookedAt")}, {"selected", replayed + left}, {"replayed", replayed}})};
}

Result<Lines> AskOf(const Config& config, const QueueOrder& order) {
  Lines lines;
  if (!order.transport.empty()) {
    const Status done = OnTransport(order.transport, Asking(order.request, lines));
    if (!done) return std::unexpected(done.error());
    return lines;
  }
  auto access = Access::Open(config.data, Use::kChange);
  if (!access) return std::unexpected(access.error());
  if (access->server) {
    const Ask ask = [&](const json::object& request) { return AskServer(*access->server, request); };
    const auto what = json::OptionalText(order.request, "do");
    if (what && what->value_or("") == "replay") return ReplayThrough(ask, order.request);
    return ask(order.request);
  }
  LocalStore& store = *access->local;
  sqlite::SqliteReadPool reads(store.events().readers());
  const Status done = OnEmbedded(store.events(), reads, store.engine(), Asking(order.request, lines));
  if (!done) return std::unexpected(done.error());
  return lines;
}

}  // namespace

Status AskQueues(const Config& config, const QueueOrder& order, std::ostream& out) {
  const auto lines = AskOf(config, order);
  if (!lines) return std::unexpected(lines.error());
  if (order.json_lines) {
    for (const std::string& line : *lines) out << line << '\n';
    return {};
  }
  return PrintQueueAnswer(order.request, *lines, out);
}

}  // namespace tidings::app
