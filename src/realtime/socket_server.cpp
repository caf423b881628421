#include <tidings/realtime/socket_server.hpp>

#include "connection.hpp"
#include "recovery.hpp"
#include "room.hpp"

namespace tidings::realtime {

SocketServer::SocketServer(SocketOptions options, const Clock& clock)
    : options_(std::move(options)), engine_(options_.engine, clock, *this) {
  const std::size_t bytes = options_.max_attachment_bytes;
  limits_ = {options_.max_attachments, bytes == 0 ? options_.engine.max_payload : bytes, options_.max_namespace};
  Of("/");
}

SocketServer::~SocketServer() = default;

Namespace& SocketServer::Of(std::string_view name) {
  if (Namespace* known = FindNamespace(name)) return *known;
  return *namespaces_.emplace(std::string(name), std::unique_ptr<Namespace>(new Namespace(*this, name))).first->second;
}

Namespace* SocketServer::FindNamespace(std::string_view name) const {
  const auto found = namespaces_.find(name);
  return found == namespaces_.end() ? nullptr : found->second.get();
}

std::expected<std::unique_ptr<PendingBody>, HttpAnswer> SocketServer::OnHead(const HttpRequest& head) {
  return engine_.OnHead(head);
}

void SocketServer::OnRequest(HttpRequest request, std::unique_ptr<HttpExchange> exchange) {
  engine_.OnRequest(std::move(request), std::move(exchange));
}

std::expected<WebSocketReceiver*, HttpAnswer> SocketServer::OnUpgrade(const HttpRequest& request) {
  return engine_.OnUpgrade(request);
}

void SocketServer::OnHandshake(std::move_only_function<std::optional<HttpAnswer>(const HttpRequest&)> check) {
  check_ = std::move(check);
}

std::optional<HttpAnswer> SocketServer::OnHandshake(const HttpRequest& request) {
  return check_ ? check_(request) : std::nullopt;
}

void SocketServer::OnOpened(EngineSession& session, std::shared_ptr<const HttpRequest> request) {
  session.set_data(std::make_unique<Connection>(*this, session, std::move(request)));
}

void SocketServer::OnMessage(EngineSession& session, std::string_view message, bool binary) {
  auto& connection = static_cast<Connection&>(*session.data());
  if (binary) {
    connection.OnBinary(message);
  } else {
    connection.OnText(message);
  }
}

void SocketServer::OnDrained(EngineSession& session) { static_cast<Connection&>(*session.data()).OnDrained(); }

void SocketServer::OnClosed(EngineSession& session, CloseReason reason) {
  static_cast<Connection&>(*session.data()).OnClosed(reason);
}

}  // namespace tidings::realtime
