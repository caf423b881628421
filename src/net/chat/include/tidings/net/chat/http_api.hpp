// HttpApi: the chat over HTTP, under /api/v1 (and createMessage under /rooms too). docs/openapi.json lists its calls.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <tidings/net/chat/gate.hpp>
#include <tidings/realtime/link.hpp>

namespace tidings::net {

// One request under way. Owns its answer: dropped without one, the connection is closed, since the outcome is unknown.
struct HttpCall {
  realtime::HttpRequest request;
  std::unique_ptr<realtime::HttpExchange> exchange;
  std::shared_ptr<const chat::Caller> caller;
  std::vector<std::string> path;  // the segments after the prefix

  void Succeed(std::string_view data, int status = 200);
  // The answer of a list: `next` names the place after it, or is empty at the end.
  void SucceedList(std::string_view data, std::string_view next);
  void Refuse(const Error& error);
  void Answer(Result<std::string> data, int status = 200);
};

// Loop's thread only.
class HttpApi final : public realtime::RequestHandler {
 public:
  HttpApi(ChatServices& services, Gate& gate);
  ~HttpApi() override;

  void OnRequest(realtime::HttpRequest request, std::unique_ptr<realtime::HttpExchange> exchange) override;
  std::size_t MaxMessage() const override { return max_body_; }
  void set_max_body(std::size_t bytes) { max_body_ = bytes; }
  // A call that a layer above answers, for administrators alone. The pattern is that of the path after the prefix, "{}" takes
  // any segment. REQUIRES: nothing is served yet; all texts outlive this.
  void AddAdminCall(std::string_view method, std::vector<std::string_view> pattern,
                    std::function<void(HttpCall)> handler);

 private:
  using Method = void (HttpApi::*)(HttpCall);
  struct RouteEntry {
    std::string_view method;
    std::vector<std::string_view> pattern;  // "{}" takes any segment
    Method handler;
    bool change;                            // counts as a send for the limits
    std::function<void(HttpCall)> above;    // answers in place of the handler, for administrators
  };

  const RouteEntry* Find(std::string_view method, const std::vector<std::string>& path, std::string& allowed) const;
  void Dispatch(HttpCall call, const RouteEntry& route);
  // Answers with what the engine says.
  chat::Answer<std::string> Answering(HttpCall call, bool send = false);
  // Answers with what `read` gives: the JSON of data.
  void AnswerRead(HttpCall call, std::move_only_function<Result<std::string>(chat::Reader&)> read);

  void Register(HttpCall call);
  void Login(HttpCall call);
  void Me(HttpCall call);
  void ListUsers(HttpCall call);
  void GetUser(HttpCall call);

  void CreateRoom(HttpCall call);
  void ListRooms(HttpCall call);
  void GetRoom(HttpCall call);
  void PatchRoom(HttpCall call);
  void DeleteRoom(HttpCall call);
  void ListMembers(HttpCall call);
  void AddMembers(HttpCall call);
  void PatchMember(HttpCall call);
  void RemoveMember(HttpCall call);
  void PutRead(HttpCall call);
  void ListEvents(HttpCall call);

  void CreateMessage(HttpCall call);
  void ListMessages(HttpCall call);
  void GetMessage(HttpCall call);
  void EditMessage(HttpCall call);
  void DeleteMessage(HttpCall call);
  void GetThread(HttpCall call);
  void GetSeen(HttpCall call);
  void PutReaction(HttpCall call);
  void DeleteReaction(HttpCall call);
  void Suspend(HttpCall call);
  void Restore(HttpCall call);
  void AddUser(HttpCall call);

  // Passwords are slow on purpose: one thread hashes them, beside the loop.
  class PasswordThread;

  ChatServices& services_;
  Gate& gate_;
  std::vector<RouteEntry> routes_;
  std::size_t max_body_ = 1'000'000;
  std::unique_ptr<PasswordThread> passwords_;
};

}  // namespace tidings::net
