// Moving queues to a broker: those of a store, at rest or served, or those of another transport.
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>

#include <tidings/app/commands.hpp>
#include <tidings/app/queue_session.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>

#include "access.hpp"

namespace tidings::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between two pieces: if nothing is left, and if something is that cannot be moved just now.
constexpr milliseconds kRest{1'000};
constexpr milliseconds kPause{250};
// How long a target that does not accept is tried again, and what is held by others is waited for.
constexpr std::chrono::seconds kMostTrouble{60};
constexpr std::chrono::seconds kMostWait{120};

// SIGINT and SIGTERM as a question in place of an end.
class EndBySignal {
 public:
  EndBySignal() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~EndBySignal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  EndBySignal(const EndBySignal&) = delete;
  EndBySignal& operator=(const EndBySignal&) = delete;

  // True if one of them came, or comes within this time.
  bool Came(milliseconds within) {
    const timespec wait{static_cast<std::time_t>(within.count() / 1'000),
                        static_cast<long>(within.count() % 1'000) * 1'000'000};
    return sigtimedwait(&signals_, nullptr, &wait) > 0;
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

// A relative folder is one of this process, not of the server.
std::string TargetFor(const std::string& to) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (!to.starts_with(kSqlite) || to.size() == kSqlite.size() || to[kSqlite.size()] == '/') return to;
  return std::string(kSqlite) + std::filesystem::absolute(to.substr(kSqlite.size())).string();
}

// By the server, piece by piece: what is under way when this process ends is brought to its end there.
Status BridgeServed(ControlClient& server, const BridgeOrder& order, std::uint64_t& moved) {
  const std::string request = json::serialize(json::object{{"to", TargetFor(order.to)}});
  EndBySignal end;
  auto good_at = steady_clock::now();   // when a piece ended without trouble
  auto moved_at = steady_clock::now();  // when something was moved, or nothing was left
  for (;;) {
    const auto answer = server.Post("/control/bridge", request);
    if (!answer) return std::unexpected(answer.error());
    const auto count = json::OptionalWhole(*answer, "moved");
    const auto whole = json::OptionalBool(*answer, "whole");
    const auto busy = json::OptionalBool(*answer, "busy");
    const auto left = json::OptionalText(*answer, "left");
    const auto trouble = json::OptionalText(*answer, "trouble");
    if (!count || !whole || !busy || !left || !trouble) {
      return Fail(ErrorCode::kInternal, "the server's answer makes no sense");
    }
    const bool done = whole->value_or(false);
    const bool some = count->value_or(0) > 0;
    moved += count->value_or(0);
    if (done && !order.follow) return {};
    const auto now = steady_clock::now();
    if (some || done) moved_at = now;
    const std::string why = trouble->value_or("");
    if (why.empty()) good_at = now;
    if (now - good_at >= kMostTrouble) return Fail(ErrorCode::kUnavailable, why);
    if (!order.follow && now - moved_at >= kMostWait) {
      if (busy->value_or(false))
        return Fail(ErrorCode::kUnavailable, "another bridge moves these queues; wait for that");
      return Fail(ErrorCode::kUnavailable,
                  left->value_or("") + ": not due yet, or held by consumers; stop those, and run it again");
    }
    if (end.Came(done ? kRest : some ? milliseconds(0) : kPause)) return {};
  }
}

Status BridgeStore(const Config& config, const BridgeOrder& order, std::uint64_t& moved) {
  if (!order.queues.empty()) {
    return Fail(ErrorCode::kInvalid, "the queues of a store are moved all of them; leave out --queue");
  }
  auto access = Access::Open(config.data, Use::kChange);
  if (!access) return std::unexpected(access.error());
  if (access->server) return BridgeServed(*access->server, order, moved);
  if (order.follow) {
    return Fail(ErrorCode::kInvalid,
                "no server runs on " + config.data + ", so nothing comes that could be followed; leave out --follow");
  }
  LocalStore& store = *access->local;
  sqlite::SqliteReadPool reads(store.events().readers());
  return BridgeEmbedded(store.events(), reads, store.engine(), order.to, moved);
}

}  // namespace

Status RunBridge(const Config& config, const BridgeOrder& order, std::ostream& out) {
  if (order.to.starts_with("memory:")) {
    return Fail(ErrorCode::kInvalid,
                "what is moved to memory: is lost when the bridge ends; name a transport that keeps it");
  }
  if (order.to == order.from) return Fail(ErrorCode::kInvalid, "--from and --to are one place; name another");
  std::uint64_t moved = 0;
  Status done;
  if (order.from == "sqlite" || order.from == "embedded") {
    done = BridgeStore(config, order, moved);
  } else {
    BridgeOptions options;
    options.queues = order.queues;
    options.drain = !order.follow;
    done = BridgeTransports(order.from, order.to, std::move(options), moved);
  }
  if (done || moved > 0) out << "moved " << moved << '\n';
  return done;
}

}  // namespace tidings::app
