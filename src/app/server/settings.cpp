#include "settings.hpp"

#include <algorithm>

namespace tidings::app {

namespace {

constexpr RateLimit kUnlimited{1e9, 1e9};

}  // namespace

net::ChatSettings ChatSettingsOf(const Config& config) {
  net::ChatSettings settings;
  settings.limits.text_bytes = config.limits.text;
  settings.limits.images = config.limits.images;
  settings.limits.members_per_call = config.limits.members_per_call;
  settings.limits.members_per_room = config.limits.members_per_room;
  settings.limits.rooms_per_user = config.limits.rooms_per_user;
  settings.expectation = {config.auth.issuer, config.auth.audience};
  settings.recovery = config.recovery == Recovery::kAlways ? net::RecoveryMode::kAlways
                      : config.recovery == Recovery::kOff  ? net::RecoveryMode::kOff
                                                           : net::RecoveryMode::kAsked;
  const bool outside_keys = !config.auth.jwt_secret.empty() || !config.auth.jwks_file.empty();
  settings.registration = config.auth.registration == Registration::kOn ||
                          (config.auth.registration == Registration::kAuto && !outside_keys);
  settings.origins = config.cors.origins;
  settings.socket_window = config.socket.window;
  settings.replay_page = std::min<std::size_t>(settings.replay_page, config.socket.window);
  settings.token_lifetime = config.auth.token_lifetime;
  settings.seen_members = config.chat.seen_max_members;
  settings.typing_online = config.chat.typing_max_online;
  settings.rate_limits = config.rate_limits;
  settings.user_sends = config.limits.user_messages.value_or(kUnlimited);
  settings.address_sends = config.limits.address_messages.value_or(kUnlimited);
  settings.user_requests = config.limits.user_requests.value_or(kUnlimited);
  settings.address_requests = config.limits.address_requests.value_or(kUnlimited);
  settings.address_connections = config.limits.address_connections.value_or(kUnlimited);
  settings.address_logins = config.limits.address_logins.value_or(kUnlimited);
  settings.account_logins = config.limits.account_logins.value_or(kUnlimited);
  return settings;
}

realtime::SocketOptions SocketOptionsOf(const Config& config) {
  realtime::SocketOptions options;
  options.engine.ping_interval = config.socket.ping_interval.count();
  options.engine.ping_timeout = config.socket.ping_timeout.count();
  options.engine.max_payload = config.socket.max_payload;
  // A slow socket is served from the log before it is closed, however large its window.
  options.engine.max_pending = std::max<std::size_t>(options.engine.max_pending, 2 * config.socket.window);
  if (!config.rate_limits) options.engine.max_polling_per_address = options.engine.max_sessions;
  options.engine.cors.origins = config.cors.origins;
  options.engine.cors.credentials = !config.cors.origins.empty() && config.cors.origins.front() != "*";
  options.connect_timeout = config.socket.connect_timeout.count();
  options.max_attachments = config.limits.attachments;
  options.connect_gap = 0;  // nothing follows a CONNECT but what was missed, and its clients take that
  return options;
}

net::HttpServerOptions HttpOptionsOf(const Config& config) {
  net::HttpServerOptions options;
  options.max_connections = config.limits.connections;
  options.max_connections_per_address = config.rate_limits ? config.limits.connections_per_address : 0;
  options.trusted_proxies = config.trusted_proxies;
  options.deflate = config.socket.compression;
  return options;
}

}  // namespace tidings::app
