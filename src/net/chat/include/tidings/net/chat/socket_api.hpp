// SocketApi: the chat over Socket.IO, namespace "/". docs/asyncapi.yaml lists its events.
#pragma once

#include <functional>
#include <string>

#include <tidings/net/chat/gate.hpp>
#include <tidings/net/chat/hub.hpp>
#include <tidings/net/chat/notices.hpp>
#include <tidings/net/chat/presence.hpp>
#include <tidings/net/chat/read_gatherer.hpp>
#include <tidings/realtime/socket_server.hpp>

namespace tidings::net {

// Loop's thread only. Sets up the server's namespace; REQUIRES: outlives the server's sockets.
class SocketApi {
 public:
  SocketApi(ChatServices& services, Gate& gate, Hub& hub, realtime::SocketServer& server);

  // Every 50 ms or so: notices, read positions, presence, tokens that ran out, sessions that are to be kept.
  void OnTick();

 private:
  using Handler = void (SocketApi::*)(ChatSocket&, const json::object&, realtime::AckSender);

  void Admit(const realtime::Handshake& handshake, realtime::Admission admission);
  void LetIn(Gate::Admitted admitted, realtime::Admission admission);
  void On(std::string_view event, bool change, Handler handler);
  static chat::Answer<std::string> Answering(EventLoop& loop, ChatStats& stats, realtime::AckSender ack, bool send);

  void Join(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Leave(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Send(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Edit(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Delete(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void React(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Read(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Typing(ChatSocket& socket, const json::object& request, realtime::AckSender ack);
  void Watch(ChatSocket& socket, const json::object& request, realtime::AckSender ack);

  void Refuse(realtime::AckSender& ack, const Error& error);
  void Flooded(ChatSocket& socket);

  ChatServices& services_;
  Gate& gate_;
  Hub& hub_;
  Notices notices_;
  PresenceBoard presence_;
  realtime::Namespace& nsp_;
  ReadGatherer reads_;
  bool reads_posted_ = false;
  Millis next_sweep_ = 0;
  Millis next_keep_ = 0;
};

}  // namespace tidings::net
