// What one run of the generator is asked to do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace tidings::bench {

struct Options {
  std::string scenario;
  std::string protocol;
  std::uint16_t port = 0;
  pid_t pid = 0;

  std::uint32_t rooms = 0;        // 0 here and below: as the scenario has it
  std::uint32_t members = 0;      // connections in each room, the sender among them
  std::uint32_t connections = 0;  // idle and connect; create: over HTTP
  std::uint32_t senders = 0;
  std::uint32_t window = 0;       // messages that each sender has unacknowledged
  double rate = 0;                // messages a second, paced and reads
  std::uint32_t prefill = 0;      // messages in the log before the run, catchup and history
  std::uint32_t page = 50;        // history
  double seconds = 5;
  double warmup = 0.5;
  std::uint32_t text_bytes = 100;
  std::uint32_t concurrency = 100;  // connections that are being made at once
  double drain = 3;                 // seconds without any arrival after which what is missing counts as lost
  bool client_ids = true;           // sends to tidings bear a clientMessageId
};

constexpr char kUsage[] =
    "usage: bench_load SCENARIO --protocol tidings|limit|socketio|centrifugo --port P --pid PID [options]\n"
    "scenarios: fanout rooms create sends paced idle connect; with tidings also reads catchup history\n"
    "options: --rooms N --members N --connections N --senders N --window N --rate R --prefill N --page N\n"
    "         --seconds S --warmup S --text-bytes N --concurrency N --drain S --client-ids 0|1\n"
    "TIDINGS_JWT_SECRET is the secret that tokens are signed with.\n";

// Nothing where the command line cannot be understood.
std::optional<Options> ParseOptions(int argc, char** argv);

}  // namespace tidings::bench
