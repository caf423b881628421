// The configuration as each part wants it.
#pragma once

#include <tidings/app/config.hpp>
#include <tidings/net/chat/services.hpp>
#include <tidings/net/http_server.hpp>
#include <tidings/realtime/socket_server.hpp>

namespace tidings::app {

net::ChatSettings ChatSettingsOf(const Config& config);
realtime::SocketOptions SocketOptionsOf(const Config& config);
net::HttpServerOptions HttpOptionsOf(const Config& config);

}  // namespace tidings::app
