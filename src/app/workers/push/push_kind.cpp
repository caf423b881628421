#include "push/push_kind.hpp"

#include "event_check.hpp"
#include "push/push_job.hpp"

namespace tidings::app {
namespace {

net::HttpClientOptions ClientOptions(const PushOptions& options) {
  net::HttpClientOptions client;
  // The gateway is the operator's own choice, and the server is at the loopback.
  client.private_addresses = true;
  client.timeout = options.timeout;
  client.most_reply = 64 * 1024 * 1024;
  client.user_agent = "tidings-push";
  return client;
}

}  // namespace

PushKind::PushKind(PushOptions options) : options_(std::move(options)), client_(ClientOptions(options_)) {}

std::string_view PushKind::schema() const { return kPushSchema; }

Result<std::vector<LanePiece>> PushKind::Split(const messaging::Message& event, std::size_t lanes) {
  if (Status checked = CheckEvent(event); !checked) return std::unexpected(checked.error());
  auto pieces = WorkerKind::Split(event, lanes);
  if (pieces && event.type != kPushedType) {
    for (LanePiece& piece : *pieces) piece.message.body.clear();
  }
  return pieces;
}

std::unique_ptr<LaneJob> PushKind::MakeJob(LaneGround ground) {
  return std::make_unique<PushJob>(options_, client_, std::move(ground));
}

}  // namespace tidings::app
