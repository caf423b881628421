// Connection: an Engine.IO session that speaks Socket.IO, and the sockets on it. Private to the layer.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include <tidings/realtime/socket_server.hpp>

namespace tidings::realtime {

// A CONNECT that is being decided. Kept by its connection and by the Admission.
class Admission::Pending : public std::enable_shared_from_this<Admission::Pending> {
 public:
  Pending(Connection& connection, Namespace& nsp, Handshake handshake)
      : connection_(&connection), nsp_(nsp), handshake_(std::move(handshake)) {}

  // Asks the middleware that comes next, or lets the client in.
  void Next();
  void Refuse(std::string_view message, std::string_view data);
  void Close();
  // The client has gone, or was answered.
  void Forget() { connection_ = nullptr; }

  bool waiting() const { return connection_ != nullptr; }
  Namespace& nsp() const { return nsp_; }
  const Handshake& handshake() const { return handshake_; }
  Acceptance& acceptance() { return acceptance_; }

 private:
  Connection* connection_;
  Namespace& nsp_;
  Handshake handshake_;
  Acceptance acceptance_;
  std::size_t middleware_ = 0;
};

class Connection final : public SessionData {
 public:
  Connection(SocketServer& server, EngineSession& session, std::shared_ptr<const HttpRequest> request);
  ~Connection() override;

  void OnText(std::string_view message);
  void OnBinary(std::string_view message);
  void OnDrained();
  void OnClosed(CloseReason reason);

  // The end of a CONNECT that was let in, or not.
  void Admit(Admission::Pending& pending);
  void Refuse(Admission::Pending& pending, std::string_view message, std::string_view data);
  void Close(CloseReason reason);
  // The socket has left.
  void Remove(Socket& socket);

  SocketServer& server() const { return server_; }
  EngineSession& session() const { return session_; }

 private:
  class Limit;

  void OnPacket(Result<std::optional<SocketPacket>> packet);
  void OnConnect(SocketPacket packet);
  void RefuseConnect(std::string_view nsp, std::string_view message, std::string_view data);
  Socket* Find(std::string_view nsp) const;
  std::size_t FindPending(std::string_view nsp) const;
  void ArmConnectTimer();

  SocketServer& server_;
  EngineSession& session_;
  std::shared_ptr<const HttpRequest> request_;
  std::vector<SocketRef> sockets_;
  std::vector<std::shared_ptr<Admission::Pending>> pending_;
  SocketDecoder decoder_;
  std::unique_ptr<Limit> connect_limit_;     // while in no namespace
  std::unique_ptr<Limit> attachment_limit_;  // while attachments are missing
  std::size_t refusals_ = 0;
};

}  // namespace tidings::realtime
