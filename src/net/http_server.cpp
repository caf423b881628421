#include <tidings/net/http_server.hpp>

#include <utility>

#include "server_core.hpp"

namespace tidings::net {

HttpServer::HttpServer(EventLoop& loop, HttpServerOptions options)
    : core_(std::make_unique<ServerCore>(loop, std::move(options))) {}

HttpServer::~HttpServer() = default;

void HttpServer::Route(std::string prefix, realtime::RequestHandler& handler) {
  core_->Route(std::move(prefix), handler);
}

Result<std::uint16_t> HttpServer::Listen(const ListenOptions& options) { return core_->Listen(options); }

Status HttpServer::ReloadCertificates() { return core_->ReloadCertificates(); }

void HttpServer::SetResolver(Resolver resolver) { core_->SetResolver(std::move(resolver)); }

void HttpServer::Stop(std::chrono::milliseconds within, std::move_only_function<void()> done) {
  core_->Stop(within, std::move(done));
}

EventLoop& HttpServer::loop() const { return core_->loop(); }

const ServerStats& HttpServer::stats() const { return core_->stats(); }

}  // namespace tidings::net
