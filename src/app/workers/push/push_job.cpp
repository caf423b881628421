#include "push/push_job.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>
#include <tidings/base/log.hpp>
#include <tidings/messaging/delivery.hpp>

#include "event_check.hpp"
#include "lane.hpp"
#include "push/server_access.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::size_t kPushesAtOnce = 16;
// Users of one request to the gateway.
constexpr std::size_t kUsersAtOnce = 500;
constexpr auto kLookForPushesEvery = 1s;
constexpr auto kServerAway = 1s;
constexpr std::size_t kMostPushError = 200;

// Another try may do better.
bool Passing(int status) { return status == 0 || status == 408 || status == 425 || status == 429 || status >= 500; }

std::string BodyFor(const PushRow& row, const std::vector<std::string>& users) {
  std::string body;
  json::ObjectWriter writer(body);
  std::string& list = writer.Key("users");
  list += '[';
  for (const std::string& user : users) {
    if (&user != &users.front()) list += ',';
    json::AppendString(list, user);
  }
  list += ']';
  writer.Text("room", row.room).Raw("message", row.message).End();
  return body;
}

// The event's own id: one that was replayed bears more behind it.
std::string_view EventOf(const PushRow& row) { return std::string_view(row.event).substr(0, row.event.find('.')); }

// For a letter: with the same id, its replay would be taken for a repeat.
std::string NextId(const PushRow& row) {
  constexpr std::string_view kAgain = ".again";
  const std::string_view behind = std::string_view(row.event).substr(EventOf(row).size());
  const std::uint64_t before = behind.starts_with(kAgain) ? ParseWhole(behind.substr(kAgain.size())).value_or(1) : 0;
  return std::string(EventOf(row)) + std::string(kAgain) + std::to_string(before + 1);
}

}  // namespace

PushJob::PushJob(const PushOptions& options, net::HttpClient& client, LaneGround ground)
    : options_(options), ground_(std::move(ground)), questions_(client, ground_.executor), changed_(ground_.executor) {}

Status PushJob::Handle(const messaging::Message& piece, LaneUnit& unit) {
  if (piece.type != kPushedType) return {};
  if (Status checked = CheckEvent(piece); !checked) return checked;
  const auto body = json::Parse(piece.body);
  if (!body || !body->is_object()) return Fail(ErrorCode::kMalformed, "this is no message of a room");
  PushRow row;
  row.event = piece.id;
  row.room = KeyOf(piece);
  row.seq = piece.headers.Number("seq").value_or(0);
  row.message = piece.body;
  unit.Write([row = std::move(row), now = ground_.timers.Now()](sqlite::Database& database) {
    database.Slot<PushRows>().Add(row, now);
  });
  unit.After([this] { changed_.NotifyAll(); });
  return {};
}

void PushJob::Begin() {
  running_ = true;
  boost::asio::co_spawn(ground_.executor, Run(), boost::asio::detached);
}

Task<void> PushJob::End(milliseconds deadline) {
  stopping_ = true;
  changed_.NotifyAll();
  const Millis until = ground_.timers.Steady() + deadline.count();
  const auto left = [&] { return milliseconds(until - ground_.timers.Steady()); };
  const auto busy = [&] { return running_ || !under_way_.empty(); };
  while (busy() && left() > 0ms) co_await changed_.WaitFor(ground_.timers, left());
  questions_.CancelAll();
  while (busy()) co_await changed_.WaitFor(ground_.timers, 1s);
}

Task<void> PushJob::Run() {
  while (!stopping_) {
    try {
      auto& rows = ground_.store.database().Slot<PushRows>();
      const Millis now = ground_.timers.Now();
      for (PushRow& row : rows.Due(now, now + LongestPause().count(), 2 * kPushesAtOnce)) {
        if (under_way_.size() >= kPushesAtOnce || under_way_.contains(row.number)) continue;
        under_way_.insert(row.number);
        boost::asio::co_spawn(ground_.executor, Push(std::move(row)), boost::asio::detached);
      }
    } catch (const StoreFailure& failure) {
      log::Err("push_lane_not_read", {{"reason", failure.error().message()}});
    }
    co_await changed_.WaitFor(ground_.timers, kLookForPushesEvery);
  }
  running_ = false;
  changed_.NotifyAll();
}

milliseconds PushJob::LongestPause() const {
  milliseconds longest = kServerAway;
  for (const milliseconds pause : options_.retry) longest = std::max(longest, pause);
  return longest + longest / 10;
}

Task<void> PushJob::Push(PushRow row) {
  const auto users = co_await Audience(row);
  bool settled = false;  // the row tells what became of it
  if (!users) {
    log::Warning("push_waits_for_the_server", {{"reason", users.error().message()}});
  } else if (const auto parts = co_await Cut(row, *users); !parts) {
    log::Warning("push_waits_for_its_lane", {{"reason", parts.error().message()}});
  } else {
    settled = co_await Deliver(row, *parts);
  }
  // Neither the gateway nor the message is at fault: not at once again, and no try that counts.
  const Millis until = ground_.timers.Steady() + kServerAway.count();
  while (!settled && !stopping_ && ground_.timers.Steady() < until) {
    co_await changed_.WaitFor(ground_.timers, milliseconds(until - ground_.timers.Steady()));
  }
  under_way_.erase(row.number);
  changed_.NotifyAll();
}

Task<bool> PushJob::Deliver(const PushRow& row, const std::vector<PushPart>& parts) {
  const std::int64_t number = row.number;
  const Status told = co_await Tell(row, parts);
  Status buried;
  const bool over = !told && (told.error().code() == ErrorCode::kInvalid || row.attempts >= options_.retry.size());
  if (!told && over && !stopping_) buried = co_await Bury(row, told.error());
  if (told || (over && buried && !stopping_)) {
    PushRow done;
    done.number = number;
    done.room = row.room;
    co_return co_await Keep(
        [done = std::move(done)](sqlite::Database& database) { database.Slot<PushRows>().Done(done); });
  }
  if (stopping_) co_return true;
  const std::size_t last = options_.retry.empty() ? 0 : options_.retry.size() - 1;
  const milliseconds pause =
      options_.retry.empty() ? milliseconds(kServerAway) : options_.retry[std::min<std::size_t>(row.attempts, last)];
  co_return co_await Keep([number, next = ground_.timers.Now() + WithJitter(pause).count()](
                              sqlite::Database& database) { database.Slot<PushRows>().Failed(number, next); });
}

Task<bool> PushJob::Keep(LaneStore::Effect effect) {
  const Status written = co_await ground_.store.Write(std::move(effect));
  if (!written) log::Err("push_outcome_not_kept", {{"reason", written.error().message()}});
  co_return written.has_value();
}

Task<Result<std::vector<std::string>>> PushJob::Audience(const PushRow& row) {
  const auto access = ServerAccess(options_.data, ground_.timers.Now());
  if (!access) co_return std::unexpected(access.error());
  std::string author;
  if (const auto message = json::Parse(row.message); message && message->is_object()) {
    author = json::OptionalText(message->get_object(), "created_by").value_or(std::nullopt).value_or("");
  }
  net::HttpPost request;
  request.url = access->url + "/control/audience";
  request.headers = {{"authorization", "Bearer " + access->token}, {"content-type", "application/json"}};
  json::ObjectWriter(request.body)
      .Text("room", row.room)
      .Number("seq", row.seq)
      .Text("author", author)
      .Text("nonce", access->nonce)
      .End();
  const net::HttpReply reply = co_await questions_.Ask(std::move(request));
  const auto body = json::Parse(reply.body);
  if (reply.status != 200 || !body || !body->is_object()) {
    co_return Fail(ErrorCode::kUnavailable, "the server does not say who is away: " +
                                                (reply.status == 0 ? reply.error : std::to_string(reply.status)));
  }
  const json::value* const data = body->get_object().if_contains("data");
  if (data == nullptr || !data->is_object())
    co_return Fail(ErrorCode::kUnavailable, "the server's answer makes no sense");
  const auto proof = json::OptionalText(data->get_object(), "proof");
  if (!proof || !access->Proves(proof->value_or(""), ground_.timers.Now())) {
    co_return Fail(ErrorCode::kUnavailable, "what answers at " + access->url + " does not prove that it is the server");
  }
  co_return json::TextList(data->get_object(), "users", 10'000'000);
}

Task<Result<std::vector<PushPart>>> PushJob::Cut(const PushRow& row, const std::vector<std::string>& users) {
  PushCut cut;
  try {
    cut = CutPush(ground_.store.database().Slot<PushRows>().Parts(row.number), users, kUsersAtOnce);
  } catch (const StoreFailure& failure) {
    co_return std::unexpected(failure.error());
  }
  if (!cut.fresh.empty()) {
    Status kept =
        co_await ground_.store.Write([number = row.number, fresh = std::move(cut.fresh)](sqlite::Database& database) {
          database.Slot<PushRows>().AddParts(number, fresh);
        });
    if (!kept) co_return std::unexpected(kept.error());
  }
  co_return std::move(cut.requests);
}

Task<Status> PushJob::Tell(const PushRow& row, const std::vector<PushPart>& parts) {
  std::vector<std::uint64_t> told;
  Status worked;
  for (const PushPart& part : parts) {
    worked = co_await TellPart(row, part);
    if (!worked) break;
    told.push_back(part.part);
  }
  if (!worked && !told.empty()) {
    co_await Keep([number = row.number, told = std::move(told)](sqlite::Database& database) {
      database.Slot<PushRows>().Told(number, told);
    });
  }
  co_return worked;
}

Task<Status> PushJob::TellPart(const PushRow& row, const PushPart& part) {
  net::HttpPost request;
  request.url = options_.url;
  request.headers = {{"content-type", "application/json"},
                     {"idempotency-key", row.event + "." + std::to_string(part.part)}};
  if (!options_.token.empty()) request.headers.emplace_back("authorization", "Bearer " + options_.token);
  request.body = BodyFor(row, part.users);
  const net::HttpReply reply = co_await questions_.Ask(std::move(request));
  if (reply.status >= 200 && reply.status < 300) co_return Status();
  std::string why =
      reply.status == 0 ? reply.error.substr(0, kMostPushError) : "status " + std::to_string(reply.status);
  co_return Fail(Passing(reply.status) ? ErrorCode::kUnavailable : ErrorCode::kInvalid, "the gateway: " + why);
}

Task<Status> PushJob::Bury(const PushRow& row, const Error& error) {
  auto letter = messaging::Message::WithId(NextId(row), std::string(kPushedType), row.message);
  letter.key = row.room;
  letter.headers.Set("seq", std::to_string(row.seq));
  if (row.attempts > 0) letter.headers.Set(messaging::header::kFailures, std::to_string(row.attempts));
  messaging::MarkDead(letter, messaging::DeathReason::kFailed, error.message(), ground_.queue, ground_.timers.Now());
  messaging::Address to = messaging::Address::Queue(messaging::DeadLetterQueue(ground_.queue));
  const auto published =
      co_await ground_.transport.Publish(std::move(to), std::move(letter), messaging::PublishOptions());
  if (published) co_return Status();
  log::Warning("push_not_buried", {{"reason", published.error().message()}});
  co_return std::unexpected(published.error());
}

}  // namespace tidings::app
