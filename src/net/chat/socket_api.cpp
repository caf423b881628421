#include <tidings/net/chat/socket_api.hpp>

#include <optional>

#include <tidings/base/id.hpp>

#include "http_query.hpp"

namespace tidings::net {

namespace {

constexpr Millis kSweep = 250;
constexpr Millis kKeep = 60LL * 60 * 1'000;
// Events above the limits that a socket may bring in such a span before its connection is closed.
constexpr std::uint32_t kMostRefusals = 1'000;
constexpr Millis kFloodSpan = 10'000;

// What a ChatSocket begins with, from being let in to its connection.
class Beginning final : public realtime::SessionData {
 public:
  Gate::Admitted admitted;
  std::optional<chat::Resumed> resumed;
};

std::string TextOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool Asks(const json::object& auth, RecoveryMode mode) {
  if (mode != RecoveryMode::kAsked) return mode == RecoveryMode::kAlways;
  const json::value* asks = auth.if_contains("recover");
  return asks != nullptr && asks->is_bool() && asks->get_bool();
}

}  // namespace

SocketApi::SocketApi(ChatServices& services, Gate& gate, Hub& hub, realtime::SocketServer& server)
    : services_(services),
      gate_(gate),
      hub_(hub),
      notices_(services, hub),
      presence_(services, hub),
      nsp_(server.Of("/")),
      reads_([this](std::vector<chat::ReadMark> marks) { services_.engine.Read(std::move(marks)); }) {
  hub_.AddWatcher(notices_);
  hub_.AddWatcher(presence_);
  next_keep_ = services.loop.Now() + kKeep;
  server.OnHandshake([this](const realtime::HttpRequest& request) -> std::optional<realtime::HttpAnswer> {
    const Status allowed = gate_.AllowConnection(request.address_group);
    if (allowed) return std::nullopt;
    realtime::HttpAnswer answer(429, "application/json; charset=utf-8", ErrorBody(allowed.error()));
    answer.headers.emplace_back("Retry-After", RetryAfterSeconds(allowed.error()));
    return answer;
  });
  nsp_.Use([this](const realtime::Handshake& handshake, realtime::Admission admission) {
    Admit(handshake, std::move(admission));
  });
  nsp_.OnConnection([this](realtime::Socket& socket, const realtime::Handshake&) {
    auto* beginning = static_cast<Beginning*>(socket.data());
    const std::optional<chat::Resumed> resumed = std::move(beginning->resumed);
    auto made = std::make_unique<ChatSocket>(hub_, beginning->admitted.caller);
    made->ends_at = beginning->admitted.ends_at;
    if (resumed) made->pid = resumed->pid;
    socket.set_data(std::move(made));
    hub_.Add(socket, resumed ? &*resumed : nullptr);
  });
  nsp_.OnDrained([this](realtime::Socket& socket) { hub_.OnDrained(static_cast<ChatSocket&>(*socket.data())); });
  nsp_.OnDisconnect([this](realtime::Socket& socket, realtime::CloseReason reason) {
    auto& gone = static_cast<ChatSocket&>(*socket.data());
    if (reason == realtime::CloseReason::kServerShutdown) {
      reads_.FlushAll();
    } else {
      reads_.HandOverOf(gone.read_place);
    }
    if (gone.recovers()) {
      if (reason == realtime::CloseReason::kClientNamespaceDisconnect) {
        services_.engine.EndSession(gone.pid);
      } else if (reason != realtime::CloseReason::kServerShutdown) {
        services_.engine.KeepSessions({gone.pid});
      }
    }
    hub_.Remove(gone);
  });
  On("room:join", false, &SocketApi::Join);
  On("room:leave", false, &SocketApi::Leave);
  On("message:send", true, &SocketApi::Send);
  On("message:edit", true, &SocketApi::Edit);
  On("message:delete", true, &SocketApi::Delete);
  On("message:react", true, &SocketApi::React);
  On("room:read", false, &SocketApi::Read);
  On("typing", false, &SocketApi::Typing);
  On("presence:watch", false, &SocketApi::Watch);
}

void SocketApi::Admit(const realtime::Handshake& handshake, realtime::Admission admission) {
  std::string token = TextOf(handshake.auth, "token");
  if (token.empty()) {
    // Some clients can set headers only.
    const std::string_view header = handshake.request ? handshake.request->Header("authorization") : std::string_view();
    if (header.starts_with("Bearer ")) token = header.substr(7);
  }
  gate_.Admit(token, [this, admission = std::move(admission)](Result<Gate::Admitted> admitted) mutable {
    if (!admission.waiting()) return;
    if (admitted) return LetIn(std::move(*admitted), std::move(admission));
    if (admitted.error().code() != ErrorCode::kUnauthorized) return admission.Close();  // a retry can cure it
    std::string data;
    json::ObjectWriter(data).Text("code", WireCode(admitted.error().code())).End();
    admission.Refuse(admitted.error().message(), data);
  });
}

void SocketApi::LetIn(Gate::Admitted admitted, realtime::Admission admission) {
  auto beginning = std::make_unique<Beginning>();
  const chat::Caller caller = *admitted.caller;
  beginning->admitted = std::move(admitted);
  if (!Asks(admission.handshake().auth, services_.settings.recovery)) {
    realtime::Acceptance acceptance;
    acceptance.data = std::move(beginning);
    return admission.Accept(std::move(acceptance));
  }
  const json::object& auth = admission.handshake().auth;
  chat::ResumeRequest request{TextOf(auth, "pid"), TextOf(auth, "offset"), RandomToken(20)};
  // An offset that is no text is none that was ever given: a fresh connection.
  const json::value* offset = auth.if_contains("offset");
  if (offset != nullptr && !offset->is_string() && !offset->is_null()) request.pid.clear();
  // A half-open connection of before: whatever still comes over it must not be decided behind what this one resumes.
  if (!request.pid.empty()) hub_.CloseSession(caller.key, request.pid);
  services_.engine.Resume(
      caller, std::move(request),
      OnLoop<chat::Resumed>(services_.loop, [this, beginning = std::move(beginning),
                                             admission = std::move(admission)](Result<chat::Resumed> resumed) mutable {
        if (!admission.waiting()) return;
        if (!resumed) return admission.Close();
        auto& counter = resumed->recovered ? services_.stats.recovered : services_.stats.fresh_sessions;
        counter.fetch_add(1, std::memory_order_relaxed);
        realtime::Acceptance acceptance;
        acceptance.id = resumed->socket_id;
        acceptance.pid = resumed->pid;
        beginning->resumed = std::move(*resumed);
        acceptance.data = std::move(beginning);
        admission.Accept(std::move(acceptance));
      }));
}

// A command carries one object and may ask for an acknowledgement.
void SocketApi::On(std::string_view event, bool change, Handler handler) {
  nsp_.On(event,
          [this, change, handler](realtime::Socket& connection, const realtime::Args& args, realtime::AckSender ack) {
            auto& socket = static_cast<ChatSocket&>(*connection.data());
            if (!args.at(0).is_object()) {
              return Refuse(ack, Error(ErrorCode::kInvalid, "the event must carry one object"));
            }
            if (!args.attachments().empty()) return Refuse(ack, Error(ErrorCode::kInvalid, "binary is not taken here"));
            const Status allowed = change ? gate_.AllowSend(*socket.caller, {}) : gate_.AllowRequest(*socket.caller);
            if (!allowed) {
              Refuse(ack, allowed.error());
              return Flooded(socket);
            }
            // What one socket sends is done in its order.
            if (handler != &SocketApi::Read) reads_.HandOverOf(socket.read_place);
            (this->*handler)(socket, args.at(0).get_object(), std::move(ack));
          });
}

void SocketApi::Refuse(realtime::AckSender& ack, const Error& error) {
  services_.stats.refused.fetch_add(1, std::memory_order_relaxed);
  if (ack) ack(realtime::RawJson{ErrorBody(error)});
}

// Who goes on for thousands of refusals reads none of them: each would be kept for it.
void SocketApi::Flooded(ChatSocket& socket) {
  const Millis now = services_.loop.Now();
  if (now >= socket.flood_since + kFloodSpan) {
    socket.flood_since = now;
    socket.flood = 0;
  }
  if (++socket.flood > kMostRefusals) socket.socket->Disconnect(true);
}

chat::Answer<std::string> SocketApi::Answering(EventLoop& loop, ChatStats& stats, realtime::AckSender ack, bool send) {
  return OnLoop<std::string>(loop, [&stats, ack = std::move(ack), send](Result<std::string> data) mutable {
    if (!data) {
      stats.refused.fetch_add(1, std::memory_order_relaxed);
    } else if (send) {
      stats.sends.fetch_add(1, std::memory_order_relaxed);
    }
    if (ack) ack(realtime::RawJson{data ? SuccessBody(*data) : ErrorBody(data.error())});
  });
}

void SocketApi::Join(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto after = json::OptionalWhole(request, "after");
  if (!after) return Refuse(ack, after.error());
  const bool follows = socket.Find(std::string_view(*room)) != nullptr || socket.joining.contains(*room);
  if (!follows && socket.rooms.size() + socket.joining.size() >= services_.settings.rooms_per_socket) {
    return Refuse(
        ack, Error(ErrorCode::kInvalid, "this socket follows " + std::to_string(services_.settings.rooms_per_socket) +
                                            " rooms, the most it may"));
  }
  if (!follows) socket.joining.insert(*room);
  chat::JoinRequest join{*room, *after, socket.pid, follows};
  services_.engine.Join(
      *socket.caller, std::move(join),
      OnLoop<chat::Joined>(services_.loop, [this, serial = socket.serial, room = std::move(*room), follows,
                                            after = *after, ack = std::move(ack)](Result<chat::Joined> joined) mutable {
        ChatSocket* socket = hub_.Find(serial);
        if (socket == nullptr) return;
        if (!follows) socket->joining.erase(room);
        if (!joined) return Refuse(ack, joined.error());
        hub_.Join(*socket, std::move(*joined), after, std::move(ack));
      }));
}

void SocketApi::Leave(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  services_.engine.Leave(*socket.caller, *room, socket.pid,
                         OnLoop<std::string>(services_.loop, [this, serial = socket.serial, room = *room,
                                                              ack = std::move(ack)](Result<std::string> left) mutable {
                           // Refused: the socket stays, and its session with it.
                           ChatSocket* socket = hub_.Find(serial);
                           if (left && socket != nullptr) hub_.Leave(*socket, room);
                           if (ack) ack(realtime::RawJson{left ? SuccessBody(*left) : ErrorBody(left.error())});
                         }));
}

void SocketApi::Send(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto draft = chat::ParseSend(*room, request, socket.caller->admin, services_.settings.limits);
  if (!draft) return Refuse(ack, draft.error());
  services_.engine.Send(*socket.caller, std::move(*draft),
                        Answering(services_.loop, services_.stats, std::move(ack), true));
}

void SocketApi::Edit(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto message = json::RequiredText(request, "messageId");
  if (!message) return Refuse(ack, message.error());
  auto text = chat::ParseText(request, services_.settings.limits);
  if (!text) return Refuse(ack, text.error());
  services_.engine.Edit(*socket.caller, std::move(*room), std::move(*message), std::move(*text),
                        Answering(services_.loop, services_.stats, std::move(ack), false));
}

void SocketApi::Delete(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto message = json::RequiredText(request, "messageId");
  if (!message) return Refuse(ack, message.error());
  services_.engine.Delete(*socket.caller, std::move(*room), std::move(*message),
                          Answering(services_.loop, services_.stats, std::move(ack), false));
}

void SocketApi::React(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto message = json::RequiredText(request, "messageId");
  if (!message) return Refuse(ack, message.error());
  auto emoji = json::RequiredText(request, "emoji");
  if (!emoji) return Refuse(ack, emoji.error());
  if (auto fine = chat::CheckEmoji(*emoji); !fine) return Refuse(ack, fine.error());
  auto remove = json::OptionalBool(request, "remove");
  if (!remove) return Refuse(ack, remove.error());
  services_.engine.React(*socket.caller, std::move(*room), std::move(*message), std::move(*emoji),
                         remove->value_or(false), Answering(services_.loop, services_.stats, std::move(ack), false));
}

void SocketApi::Read(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto seq = json::OptionalWhole(request, "seq");
  if (!seq) return Refuse(ack, seq.error());
  if (!*seq) return Refuse(ack, Error(ErrorCode::kInvalid, "\"seq\" is missing"));
  chat::ReadMark mark(socket.caller, std::move(*room), **seq, socket.serial);
  const bool asked = static_cast<bool>(ack);
  if (asked) mark.done = Answering(services_.loop, services_.stats, std::move(ack), false);
  reads_.Add(socket.read_place, std::move(mark), services_.loop.Now());
  if (asked && !std::exchange(reads_posted_, true)) {
    services_.loop.Post([this] {
      reads_posted_ = false;
      reads_.FlushAsked();
    });
  }
}

void SocketApi::Typing(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto room = json::RequiredText(request, "roomId");
  if (!room) return Refuse(ack, room.error());
  auto active = json::OptionalBool(request, "active");
  if (!active) return Refuse(ack, active.error());
  ReadThen<chat::RoomKey>(
      services_,
      [room = *room, user = socket.caller->key](chat::Reader& reader) -> Result<chat::RoomKey> {
        const auto row = ReadableRoom(reader, room, user);
        if (!row) return std::unexpected(row.error());
        if (!reader.FindMember(row->key, user)) {
          return Fail(ErrorCode::kForbidden, "only members may do this; join the public room first");
        }
        return row->key;
      },
      [this, serial = socket.serial, room = *room, on = active->value_or(true),
       ack = std::move(ack)](Result<chat::RoomKey> key) mutable {
        ChatSocket* socket = hub_.Find(serial);
        if (socket == nullptr) return;
        if (!key) return Refuse(ack, key.error());
        notices_.Typing(*socket, *key, room, on);
        if (ack) ack(realtime::RawJson{SuccessBody("null")});
      });
}

void SocketApi::Watch(ChatSocket& socket, const json::object& request, realtime::AckSender ack) {
  auto ids = chat::ParseUserIds(request, "userIds", 500);
  if (!ids) return Refuse(ack, ids.error());
  presence_.Watch(socket, std::move(*ids), std::move(ack));
}

void SocketApi::OnTick() {
  reads_.OnTick(services_.loop.Now());
  notices_.OnTick();
  presence_.OnTick();
  const Millis now = services_.loop.Now();
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweep;
    const Millis wall = services_.clock.Now();
    std::vector<ChatSocket*> ended;
    for (const auto& [serial, socket] : hub_.sockets()) {
      if (wall >= socket->ends_at) ended.push_back(socket);
    }
    for (ChatSocket* socket : ended) hub_.EndRights(*socket, "token_expired");
  }
  if (now >= next_keep_) {
    next_keep_ = now + kKeep;
    std::vector<std::string> pids;
    for (const auto& [serial, socket] : hub_.sockets()) {
      if (socket->recovers()) pids.push_back(socket->pid);
    }
    services_.engine.KeepSessions(std::move(pids));
  }
}

}  // namespace tidings::net
