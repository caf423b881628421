#include <tidings/chat/engine.hpp>

#include "writer.hpp"

namespace tidings::chat {

Engine::Engine(eventing::EventStore& store, TablesOf tables_of, Limits limits, LiveSink* sink)
    : writer_(std::make_unique<Writer>(store, std::move(tables_of), limits, sink)) {}
Engine::~Engine() = default;

eventing::CommitListener& Engine::listener() { return *writer_; }
std::uint64_t Engine::pending() const { return writer_->pending(); }

void Engine::Admit(Bearer bearer, Answer<Caller> done) {
  writer_->Submit<Caller>([bearer = std::move(bearer)](Writer& w) { return w.Admit(bearer); }, std::move(done),
                          Writer::Kind::kMayOnlyRead);
}

void Engine::Register(std::string username, std::string hash, std::string name, Answer<Caller> done) {
  writer_->Submit<Caller>([username = std::move(username), hash = std::move(hash),
                           name = std::move(name)](Writer& w) { return w.Register(username, hash, name); },
                          std::move(done));
}

void Engine::FindAccount(std::string username, Answer<UserRow> done) {
  writer_->Submit<UserRow>([username = std::move(username)](Writer& w) { return w.FindAccount(username); },
                           std::move(done), Writer::Kind::kMayOnlyRead);
}

void Engine::Suspend(std::string user_id, bool suspended, Answer<std::string> done) {
  writer_->Submit<std::string>(
      [user_id = std::move(user_id), suspended](Writer& w) { return w.Suspend(user_id, suspended); }, std::move(done));
}

void Engine::AddUser(std::string user_id, std::string name, Answer<std::string> done) {
  writer_->Submit<std::string>(
      [user_id = std::move(user_id), name = std::move(name)](Writer& w) { return w.AddUser(user_id, name); },
      std::move(done));
}

void Engine::CreateRoom(Caller caller, RoomDraft draft, Answer<Created> done) {
  writer_->Submit<Created>(
      [caller = std::move(caller), draft = std::move(draft)](Writer& w) { return w.CreateRoom(caller, draft); },
      std::move(done));
}

void Engine::RenameRoom(Caller caller, std::string room, std::string name, Answer<std::string> done) {
  writer_->Submit<std::string>([caller = std::move(caller), room = std::move(room),
                                name = std::move(name)](Writer& w) { return w.RenameRoom(caller, room, name); },
                               std::move(done));
}

void Engine::DeleteRoom(Caller caller, std::string room, Answer<std::string> done) {
  writer_->Submit<std::string>(
      [caller = std::move(caller), room = std::move(room)](Writer& w) { return w.DeleteRoom(caller, room); },
      std::move(done));
}

void Engine::AddMembers(Caller caller, std::string room, std::vector<std::string> users, Answer<std::string> done) {
  writer_->Submit<std::string>([caller = std::move(caller), room = std::move(room),
                                users = std::move(users)](Writer& w) { return w.AddMembers(caller, room, users); },
                               std::move(done));
}

void Engine::RemoveMember(Caller caller, std::string room, std::string user, Answer<std::string> done) {
  writer_->Submit<std::string>([caller = std::move(caller), room = std::move(room),
                                user = std::move(user)](Writer& w) { return w.RemoveMember(caller, room, user); },
                               std::move(done));
}

void Engine::SetRole(Caller caller, std::string room, std::string user, Role role, Answer<std::string> done) {
  writer_->Submit<std::string>([caller = std::move(caller), room = std::move(room), user = std::move(user),
                                role](Writer& w) { return w.SetRole(caller, room, user, role); },
                               std::move(done));
}

void Engine::Send(Caller caller, SendDraft draft, Answer<std::string> done) {
  // A repeat is answered from what is stored, on a full disk too.
  const auto kind = draft.client_id.empty() ? Writer::Kind::kWrites : Writer::Kind::kMayOnlyRead;
  writer_->Submit<std::string>(
      [caller = std::move(caller), draft = std::move(draft)](Writer& w) { return w.Send(caller, draft); },
      std::move(done), kind);
}

void Engine::Edit(Caller caller, std::string room, std::string message, std::string text, Answer<std::string> done) {
  writer_->Submit<std::string>([caller = std::move(caller), room = std::move(room), message = std::move(message),
                                text = std::move(text)](Writer& w) { return w.Edit(caller, room, message, text); },
                               std::move(done));
}

void Engine::Delete(Caller caller, std::string room, std::string message, Answer<std::string> done) {
  writer_->Submit<std::string>([caller = std::move(caller), room = std::move(room),
                                message = std::move(message)](Writer& w) { return w.Delete(caller, room, message); },
                               std::move(done));
}

void Engine::React(Caller caller, std::string room, std::string message, std::string emoji, bool remove,
                   Answer<std::string> done) {
  writer_->Submit<std::string>(
      [caller = std::move(caller), room = std::move(room), message = std::move(message), emoji = std::move(emoji),
       remove](Writer& w) { return w.React(caller, room, message, emoji, remove); },
      std::move(done));
}

void Engine::Read(Caller caller, std::string room, Seq seq, std::uint64_t origin, Answer<std::string> done) {
  std::vector<ReadMark> one;
  one.push_back({std::make_shared<const Caller>(std::move(caller)), std::move(room), seq, origin, std::move(done)});
  Read(std::move(one));
}

void Engine::Read(std::vector<ReadMark> marks) { writer_->Submit(std::move(marks)); }

void Engine::Join(Caller caller, JoinRequest request, Answer<Joined> done) {
  writer_->SubmitLate<Joined>(
      [caller = std::move(caller), request = std::move(request)](Writer& w) { return w.Join(caller, request); },
      std::move(done), Writer::Kind::kMayOnlyRead);
}

void Engine::Leave(Caller caller, std::string room, std::string pid, Answer<std::string> done) {
  writer_->SubmitLate<std::string>([caller = std::move(caller), room = std::move(room),
                                    pid = std::move(pid)](Writer& w) { return w.Leave(room, pid); },
                                   std::move(done), Writer::Kind::kMayOnlyRead);
}

void Engine::Resume(Caller caller, ResumeRequest request, Answer<Resumed> done) {
  writer_->SubmitLate<Resumed>(
      [caller = std::move(caller), request = std::move(request)](Writer& w) { return w.Resume(caller, request); },
      std::move(done), Writer::Kind::kMayOnlyRead);
}

void Engine::EndSession(std::string pid) {
  writer_->Submit<bool>([pid = std::move(pid)](Writer& w) { return w.EndSession(pid); }, [](Result<bool>) {});
}

void Engine::KeepSessions(std::vector<std::string> pids) {
  writer_->Submit<bool>([pids = std::move(pids)](Writer& w) { return w.KeepSessions(pids); }, [](Result<bool>) {});
}

void Engine::KeepCheckpoint(std::string reader, Position position) {
  writer_->Submit<bool>(
      [reader = std::move(reader), position](Writer& w) { return w.KeepCheckpoint(reader, position); },
      [](Result<bool>) {});
}

void Engine::KeepQueues(std::shared_ptr<const QueueChanges> changes, Answer<bool> done) {
  writer_->Submit<bool>([changes = std::move(changes)](Writer& w) { return w.KeepQueues(*changes); }, std::move(done));
}

void Engine::SetLastSeen(std::vector<std::pair<UserKey, Millis>> users) {
  writer_->Submit<bool>([users = std::move(users)](Writer& w) { return w.SetLastSeen(users); }, [](Result<bool>) {});
}

}  // namespace tidings::chat
