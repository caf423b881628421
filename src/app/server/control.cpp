#include "control.hpp"

#include <unistd.h>

#include <tidings/app/control_file.hpp>
#include <tidings/app/queue_desk.hpp>
#include <tidings/app/server_proof.hpp>
#include <tidings/auth/password.hpp>
#include <tidings/base/json.hpp>
#include <tidings/base/log.hpp>
#include <tidings/chat/draft.hpp>
#include <tidings/net/chat/services.hpp>

namespace tidings::app {

namespace {

constexpr std::size_t kUsersAtOnce = 200;
constexpr std::size_t kMembersAtOnce = 1'000;
constexpr std::chrono::seconds kProofFor{60};

net::HttpServerOptions ListenerOptions() {
  net::HttpServerOptions options;
  options.max_connections = 32;
  options.io_uring = false;
  return options;
}

std::string UserLine(const chat::UserRow& user) {
  std::string out;
  json::ObjectWriter writer(out);
  writer.Text("_id", user.id).Text("name", user.name).Text("username", user.username);
  writer.Bool("suspended", user.suspended).Number("lastSeen", static_cast<std::uint64_t>(user.last_seen)).End();
  return out;
}

Result<json::object> BodyOf(const realtime::HttpRequest& request) {
  if (request.body.empty()) return json::object();
  auto parsed = json::Parse(request.body);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->is_object()) return Fail(ErrorCode::kInvalid, "the body must be an object");
  return std::move(parsed->get_object());
}

}  // namespace

struct Control::Call {
  realtime::HttpRequest request;
  json::object body;
  std::unique_ptr<realtime::HttpExchange> exchange;

  void Answer(const Result<std::string>& data) {
    exchange->Respond({data ? 200 : HttpStatus(data.error().code()), "application/json; charset=utf-8",
                       data ? net::SuccessBody(*data) : net::ErrorBody(data.error())});
  }
};

Control::Control(Services services)
    : services_(services),
      http_(services.loop, ListenerOptions()),
      methods_{{"GET /control/users", &Control::ListUsers},      {"POST /control/users", &Control::AddUser},
               {"POST /control/accounts", &Control::AddAccount}, {"POST /control/suspend", &Control::Suspend},
               {"POST /control/audience", &Control::Audience},   {"POST /control/backup", &Control::BeginBackup},
               {"GET /control/backup", &Control::TellBackup},    {"POST /control/queue", &Control::AskQueue},
               {"POST /control/bridge", &Control::MoveQueues}} {
  http_.Route("/control", *this);
}

Control::~Control() {
  if (copier_.joinable()) copier_.join();
}

Status Control::Open(const std::string& data) {
  const auto port = http_.Listen({.host = "127.0.0.1"});
  if (!port) return std::unexpected(port.error().Within("the listener of the commands"));
  data_ = data;
  return WriteControlFile(data_, {*port, getpid()});
}

void Control::Close() {
  if (!data_.empty()) RemoveControlFile(std::exchange(data_, {}));
}

bool Control::Allowed(const realtime::HttpRequest& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = request.Header("authorization");
  if (!header.starts_with(kBearer)) return false;
  const auto claims = services_.keys.Verify(header.substr(kBearer.size()), services_.clock.Now());
  return claims && claims->Internal() && claims->admin && claims->sub == kControlSubject;
}

void Control::OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) {
  Call call{std::move(request), {}, std::move(exchange)};
  if (!Allowed(call.request)) {
    return call.Answer(Fail(ErrorCode::kUnauthorized, "this is for the commands of this data folder alone"));
  }
  const auto method = methods_.find(call.request.method + " " + call.request.path);
  if (method == methods_.end()) return call.Answer(Fail(ErrorCode::kNotFound, "this server knows no such command"));
  auto body = BodyOf(call.request);
  if (!body) return call.Answer(std::unexpected(body.error()));
  call.body = std::move(*body);
  // GET asks how a copy comes along, again and again, and a worker asks for an audience with each message.
  const bool often = call.request.method == "GET" || call.request.path == "/control/audience";
  log::Write(often ? log::Level::kDebug : log::Level::kInfo, "command",
             {{"method", call.request.method}, {"path", call.request.path}});
  (this->*method->second)(std::move(call));
}

chat::Answer<std::string> Control::Answering(Call call) {
  return net::OnLoop<std::string>(services_.loop,
                                  [call = std::move(call)](Result<std::string> data) mutable { call.Answer(data); });
}

void Control::ListUsers(Call call) {
  auto shared = net::LoopShared(services_.loop, std::move(call));
  net::EventLoop& loop = services_.loop;
  const bool queued = services_.reads.Read(
      [&loop, shared](chat::Reader& reader) {
        const auto users = reader.Users("", shared->request.Query("cursor"), kUsersAtOnce);
        std::string data = R"({"users":[)";
        for (const chat::UserRow& user : users) {
          if (&user != &users.front()) data += ',';
          data += UserLine(user);
        }
        data += R"(],"next":)";
        data += users.size() == kUsersAtOnce ? json::Quote(users.back().id) : "null";
        data += '}';
        loop.Post([shared, data = std::move(data)] { shared->Answer(data); });
      },
      [&loop, shared](const Error& error) { loop.Post([shared, error] { shared->Answer(std::unexpected(error)); }); });
  if (!queued) shared->Answer(Fail(ErrorCode::kUnavailable, "the server has too much to do; try again"));
}

void Control::AddUser(Call call) {
  const auto id = json::RequiredText(call.body, "_id");
  if (!id) return call.Answer(std::unexpected(id.error()));
  const auto name = json::OptionalText(call.body, "name");
  if (!name) return call.Answer(std::unexpected(name.error()));
  if (!auth::IsUserId(*id)) return call.Answer(Fail(ErrorCode::kInvalid, "this is no user id"));
  services_.engine.AddUser(*id, name->value_or(""), Answering(std::move(call)));
}

void Control::AddAccount(Call call) {
  const auto username = json::RequiredText(call.body, "username");
  const auto hash = json::RequiredText(call.body, "passwordHash");
  const auto name = json::OptionalText(call.body, "name");
  if (!username || !hash || !name) {
    return call.Answer(Fail(ErrorCode::kInvalid, "an account needs a username and a hash of its password"));
  }
  const auto normal = auth::NormalizeUsername(*username);
  if (!normal) return call.Answer(std::unexpected(normal.error()));
  services_.engine.Register(*normal, *hash, name->value_or(""),
                            [answer = Answering(std::move(call))](Result<chat::Caller> caller) mutable {
                              if (!caller) return answer(std::unexpected(caller.error()));
                              std::string data;
                              json::ObjectWriter(data).Text("_id", caller->id).Text("name", caller->name).End();
                              answer(std::move(data));
                            });
}

void Control::Suspend(Call call) {
  const auto id = json::RequiredText(call.body, "_id");
  const auto suspended = json::OptionalBool(call.body, "suspended");
  if (!id || !suspended) return call.Answer(Fail(ErrorCode::kInvalid, "name a user"));
  services_.engine.Suspend(*id, suspended->value_or(true), Answering(std::move(call)));
}

void Control::Audience(Call call) {
  const auto room = json::RequiredText(call.body, "room");
  const auto seq = json::OptionalWhole(call.body, "seq");
  const auto author = json::OptionalText(call.body, "author");
  const auto nonce = json::OptionalText(call.body, "nonce");
  if (!room || !seq || !*seq || !author || !nonce) {
    return call.Answer(Fail(ErrorCode::kInvalid, "name a room and an event"));
  }
  auth::Grant grant;
  grant.sub = kServerProof + nonce->value_or("");
  grant.ttl = kProofFor;
  const auto proof = services_.keys.Sign(grant, services_.clock.Now());
  if (!proof) return call.Answer(std::unexpected(proof.error()));
  using Candidates = std::vector<std::pair<std::string, chat::UserKey>>;
  auto shared = net::LoopShared(services_.loop, std::move(call));
  net::EventLoop& loop = services_.loop;
  const auto answer = [this, shared, proof = *proof](const Candidates& candidates) {
    std::string data = R"({"users":[)";
    for (const auto& [id, key] : candidates) {
      if (services_.online && services_.online(key)) continue;
      if (data.back() != '[') data += ',';
      data += json::Quote(id);
    }
    data += "],";
    data += R"("proof":)" + json::Quote(proof) + "}";
    shared->Answer(data);
  };
  const bool queued = services_.reads.Read(
      [&loop, shared, answer, id = *room, at = **seq, by = author->value_or("")](chat::Reader& reader) {
        const auto found = reader.FindRoom(id);
        if (!found) return loop.Post([answer] { answer({}); });
        Candidates candidates;
        for (chat::UserKey after = 0;;) {
          const auto members = reader.Members(found->key, after, kMembersAtOnce);
          for (const auto& [user, member] : members) {
            if (user != by && member.joined <= at && member.read < at) candidates.emplace_back(user, member.user);
          }
          if (members.size() < kMembersAtOnce) break;
          after = members.back().second.user;
        }
        loop.Post([answer, candidates = std::move(candidates)] { answer(candidates); });
      },
      [&loop, shared](const Error& error) { loop.Post([shared, error] { shared->Answer(std::unexpected(error)); }); });
  if (!queued) shared->Answer(Fail(ErrorCode::kUnavailable, "the server has too much to do; try again"));
}

void Control::BeginBackup(Call call) {
  const auto folder = json::RequiredText(call.body, "folder");
  if (!folder || !folder->starts_with('/')) return call.Answer(Fail(ErrorCode::kInvalid, "name a whole path"));
  if (copying_.Lock()->running) {
    return call.Answer(Fail(ErrorCode::kConflict, "the store is being copied already; wait for that to end"));
  }
  if (copier_.joinable()) copier_.join();
  *copying_.Lock() = {.running = true};
  copier_ = std::thread([this, folder = *folder] {
    const Status copied = services_.store.Backup(folder, [this](std::uint64_t done, std::uint64_t all) {
      auto state = copying_.Lock();
      state->done = done;
      state->all = all;
    });
    auto state = copying_.Lock();
    state->running = false;
    if (!copied) state->error = copied.error().message();
    copied ? log::Info("backup_made", {{"folder", folder}})
           : log::Err("backup_failed", {{"folder", folder}, {"reason", copied.error().message()}});
  });
  TellBackup(std::move(call));
}

void Control::TellBackup(Call call) {
  const Copying copying = *copying_.Lock();
  std::string data;
  json::ObjectWriter writer(data);
  writer.Bool("running", copying.running).Number("done", copying.done).Number("all", copying.all);
  writer.Text("error", copying.error).End();
  call.Answer(data);
}

void Control::AskQueue(Call call) {
  if (services_.queues == nullptr) {
    return call.Answer(Fail(ErrorCode::kConflict,
                            "this server's queues are with RabbitMQ; name it with --transport amqp://HOST:PORT"));
  }
  json::object request = call.body;
  auto shared = net::LoopShared(services_.loop, std::move(call));
  net::EventLoop& loop = services_.loop;
  EmbeddedQueue& queues = *services_.queues;
  const bool taken =
      queues.Run([&loop, &queues, shared, request = std::move(request)](
                     messaging::Transport& transport, messaging::Timers& timers) -> messaging::Task<void> {
        QueueDesk desk(transport, timers, &queues.ledger());
        auto lines = co_await desk.Do(request);
        const auto what = json::OptionalText(request, "do");
        const bool looks = what && (*what == "list" || *what == "peek");
        // What the command says was done is not undone by a kill.
        if (lines && !looks) {
          if (Status saved = co_await queues.Save(); !saved) lines = std::unexpected(saved.error());
        }
        std::string data = R"({"lines":[)";
        if (lines) {
          for (const std::string& line : *lines) data += (&line == &lines->front() ? "" : ",") + line;
        }
        data += "]}";
        Result<std::string> answer = lines ? Result<std::string>(std::move(data)) : std::unexpected(lines.error());
        loop.Post([shared, answer = std::move(answer)] { shared->Answer(answer); });
      });
  if (!taken) shared->Answer(Fail(ErrorCode::kUnavailable, "the server is shutting down"));
}

void Control::MoveQueues(Call call) {
  if (services_.queues == nullptr) {
    return call.Answer(Fail(ErrorCode::kConflict,
                            "the server that runs on this folder publishes to RabbitMQ itself; what its own queues "
                            "still hold is moved while it is stopped"));
  }
  const auto to = json::RequiredText(call.body, "to");
  if (!to) return call.Answer(std::unexpected(to.error()));
  auto shared = net::LoopShared(services_.loop, std::move(call));
  net::EventLoop& loop = services_.loop;
  const bool taken = services_.queues->MoveTo(*to, [&loop, shared](const Result<BridgePiece>& piece) {
    std::string data;
    if (piece) {
      json::ObjectWriter writer(data);
      writer.Number("moved", piece->moved).Bool("whole", piece->whole).Text("left", piece->left);
      writer.Bool("busy", piece->busy).Text("trouble", piece->trouble).End();
    }
    Result<std::string> answer = piece ? Result<std::string>(std::move(data)) : std::unexpected(piece.error());
    loop.Post([shared, answer = std::move(answer)] { shared->Answer(answer); });
  });
  if (!taken) shared->Answer(Fail(ErrorCode::kUnavailable, "the server is shutting down"));
}

}  // namespace tidings::app
