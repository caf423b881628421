// catchup and history: reading back what is in the log.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <string>

#include "load/clock.hpp"
#include "load/process_stats.hpp"
#include "load/scan.hpp"
#include "load/scenario.hpp"
#include "load/traffic.hpp"

namespace tidings::bench {
namespace {

constexpr std::uint32_t kWriter = 0;
constexpr std::uint32_t kReader = 1;
constexpr double kLongestPrefill = 3600;

// Sees to it that the room exists with `count` messages or more; what an earlier run left there counts. Returns the
// room's head, 0 where that failed.
std::uint64_t Prefill(Run& run, const std::string& room, std::uint64_t count) {
  if (!run.world.CreateRoom(room, {kWriter, kReader})) return 0;
  const std::uint64_t head = run.world.Head(room, kWriter);
  if (head > count) return head;
  if (head == 0) return 0;
  constexpr int kConnections = 8;
  constexpr std::uint32_t kWindow = 64;
  const auto traffic = std::make_unique<Traffic>(run.options, run.protocol);
  const std::uint32_t index = traffic->AddRoom(room);
  for (int i = 0; i < kConnections; ++i) {
    traffic->AddSender(traffic->AddMember(run.world.Token(kWriter), {}), {index});
  }
  if (!traffic->Join()) return 0;
  const Stretch stretch = traffic->SendWindows(kWindow, kLongestPrefill, count + 1 - head);
  run.report.Add("prefill_sends_per_second", static_cast<double>(stretch.sends) / stretch.seconds);
  const std::uint64_t filled = run.world.Head(room, kWriter);
  if (filled > count) return filled;
  std::fprintf(stderr, "bench_load: the room %s holds %llu events, not the %llu that were sent\n", room.c_str(),
               static_cast<unsigned long long>(filled), static_cast<unsigned long long>(count));
  return 0;
}

// Counts the numbers of a replay.
class Replay final : public SwarmListener {
 public:
  void OnDelivery(Connection& connection, const Event& event) override {
    if (!event.seq) return;
    connection.streams[0].seq.Accept(*event.seq, tally);
    last_arrival = NowMicros();
  }
  void OnAck(Connection&, const Event&) override {}

  Tally tally;
  std::uint64_t last_arrival = 0;
};

// Whether the page holds exactly the numbers from `first` on, `count` of them.
bool IsPage(std::string_view body, std::uint64_t first, std::uint64_t count) {
  constexpr std::string_view kSeq = "\"seq\":";
  const std::uint64_t end = first + count;
  for (std::size_t at = body.find(kSeq); at != std::string_view::npos; at = body.find(kSeq, at + 1)) {
    if (NumberAt(body, at + kSeq.size()) != first++) return false;
  }
  return first == end;
}

}  // namespace

bool RunCatchup(Run& run) {
  const std::uint64_t missed = run.options.prefill != 0 ? run.options.prefill : 100000;
  const std::string room = "bench-catchup";
  const std::uint64_t head = Prefill(run, room, missed);
  if (head == 0) return false;

  Replay replay;
  Swarm swarm(run.protocol, run.options.port, replay);
  const Connection& connection =
      swarm.Add(run.world.Token(kReader), {Stream{.room = swarm.AddRoom(room), .after = head - missed}});
  const std::uint64_t cpu = CpuMicros(run.options.pid);
  const std::uint64_t start = NowMicros();
  if (!swarm.JoinAll(1)) return false;
  swarm.RunUntil([&] { return replay.tally.distinct >= missed; }, NowMicros() + 3'000'000);
  const double seconds = static_cast<double>(std::max(replay.last_arrival, start + 1) - start) / 1e6;
  const auto spent = static_cast<double>(CpuMicros(run.options.pid) - cpu);
  connection.streams[0].seq.Finish(head + 1, replay.tally);
  run.report.Add("events", replay.tally.distinct);
  run.report.Add("seconds", seconds);
  run.report.Add("events_per_second", static_cast<double>(replay.tally.distinct) / seconds);
  run.report.Add("cpu_us_per_event", spent / static_cast<double>(std::max<std::uint64_t>(1, replay.tally.distinct)));
  run.report.Add("lost", replay.tally.lost);
  run.report.Add("doubled", replay.tally.doubled);
  run.report.Add("reordered", replay.tally.reordered);
  run.report.Add("strange", replay.tally.strange);
  return true;
}

bool RunHistory(Run& run) {
  const Options& options = run.options;
  const std::string room = "bench-history";
  const std::uint64_t head = Prefill(run, room, options.prefill != 0 ? options.prefill : 1000000);
  if (head == 0) return false;
  if (head < options.page + 3) {
    std::fprintf(stderr, "bench_load: the room is smaller than a page\n");
    return false;
  }

  const auto latency = std::make_unique<Histogram>();
  std::mt19937_64 random(42);
  // The first event made the room; all others are messages.
  std::uniform_int_distribution<std::uint64_t> place(2, head + 1 - options.page);
  HttpClient http(options.port);
  const std::string token = run.world.Token(kReader);
  const std::string path = "/api/v1/rooms/" + room + "/messages?limit=" + std::to_string(options.page);
  std::uint64_t wrong = 0;
  const auto read_pages = [&](double seconds) {
    latency->Clear();
    wrong = 0;
    const std::uint64_t deadline = NowMicros() + static_cast<std::uint64_t>(seconds * 1e6);
    while (NowMicros() < deadline) {
      const std::uint64_t first = place(random);
      const std::string bound = latency->count() % 2 == 0 ? "&after=" + std::to_string(first - 1)
                                                          : "&before=" + std::to_string(first + options.page);
      const std::uint64_t asked = NowMicros();
      const HttpAnswer answer = http.Get(path + bound, token);
      latency->Add(NowMicros() - asked);
      if (answer.status != 200 || !IsPage(answer.body, first, options.page)) ++wrong;
    }
  };
  read_pages(options.warmup);
  const std::uint64_t cpu = CpuMicros(options.pid);
  read_pages(options.seconds);
  const auto pages = static_cast<double>(latency->count());
  run.report.Add("messages", head - 1);
  run.report.Add("pages_per_second", pages / options.seconds);
  run.report.Add("page_p50_ms", latency->Millis(0.5));
  run.report.Add("page_p99_ms", latency->Millis(0.99));
  run.report.Add("cpu_us_per_page", static_cast<double>(CpuMicros(options.pid) - cpu) / std::max(1.0, pages));
  run.report.Add("wrong", wrong);
  return true;
}

}  // namespace tidings::bench
