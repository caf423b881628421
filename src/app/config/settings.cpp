#include "settings.hpp"

#include <algorithm>

#include "flaws.hpp"

namespace tidings::app {

namespace {

constexpr std::uint64_t kMost = 1'000'000'000;
constexpr std::uint64_t kDay = 86'400'000;

// The order is that of the documentation: what is set first comes first. A lambda names the value's place.
#define TIDINGS_AT(member) +[](Config& c) -> auto& { return c.member; }

const Setting kSettings[] = {
    {.key = "data",
     .field = TIDINGS_AT(data),
     .help = "Folder of the embedded store, its secret and its media. Made if it is missing.",
     .flaw = FlawOfPath},
    {.key = "listen",
     .field = TIDINGS_AT(listen),
     .help = "Addresses to serve at; `[::]:8080` and `*:8080` are all of them, port 0 is a free one."},
    {.key = "log.level", .field = TIDINGS_AT(log.level), .help = "Lines below this are not written."},
    {.key = "shutdown_timeout",
     .field = TIDINGS_AT(shutdown_timeout),
     .help = "How long a stop may take, with commits finished and clients told, before it is forced.",
     .most = 600'000},
    {.key = "io_threads",
     .field = TIDINGS_AT(io_threads),
     .help = "Threads that serve connections. One is enough for a small machine.",
     .least = 1,
     .most = 64},
    {.key = "store",
     .field = TIDINGS_AT(store),
     .help = "Store of several nodes, `mongodb://…`; empty is the embedded one in `data`.",
     .form = Form::kUrl,
     .flaw = FlawOfStore,
     .environment = "TIDINGS_STORE TIDINGS_STORE_URL"},
    {.key = "recovery",
     .field = TIDINGS_AT(recovery),
     .help = "Which sockets get back what they missed: those that ask with `auth: {recover: true}`, all, or none."},

    {.key = "auth.jwt_secret",
     .field = TIDINGS_AT(auth.jwt_secret),
     .help = "Secret of 32 bytes or more that your application signs HS256 tokens with.",
     .form = Form::kSecret,
     .flaw = FlawOfSecret,
     .environment = "TIDINGS_JWT_SECRET TIDINGS_AUTH_JWT_SECRET"},
    {.key = "auth.jwks_file",
     .field = TIDINGS_AT(auth.jwks_file),
     .help = "JWKS file with public keys (Ed25519, RSA of 2048 bits or more). Read again when it changes.",
     .environment = "TIDINGS_AUTH_JWKS_FILE TIDINGS_AUTH_JWKS TIDINGS_JWKS_FILE TIDINGS_JWKS"},
    {.key = "auth.issuer",
     .field = TIDINGS_AT(auth.issuer),
     .help = "What `iss` of an application's token must be; empty: anything.",
     .environment = "TIDINGS_AUTH_ISSUER TIDINGS_AUTH_ISS TIDINGS_JWT_ISSUER"},
    {.key = "auth.audience",
     .field = TIDINGS_AT(auth.audience),
     .help = "What `aud` of an application's token must be or hold; empty: anything.",
     .environment = "TIDINGS_AUTH_AUDIENCE TIDINGS_AUTH_AUD TIDINGS_JWT_AUDIENCE"},
    {.key = "auth.registration",
     .field = TIDINGS_AT(auth.registration),
     .help = "Whether anyone may make an account. `auto`: only while neither secret nor JWKS file is set."},
    {.key = "auth.token_lifetime",
     .field = TIDINGS_AT(auth.token_lifetime),
     .help = "How long the token of a login is good.",
     .least = 60'000,
     .most = 3650 * kDay},

    {.key = "tls.certificate",
     .field = TIDINGS_AT(tls.certificate),
     .help = "PEM file with the certificate and its chain; empty: plain HTTP. Read again when it changes."},
    {.key = "tls.key", .field = TIDINGS_AT(tls.key), .help = "PEM file with the certificate's key."},
    {.key = "trusted_proxies",
     .field = TIDINGS_AT(trusted_proxies),
     .help = "Addresses and blocks of proxies whose X-Forwarded-For counts.",
     .flaw = FlawOfSubnet},
    {.key = "proxy_protocol",
     .field = TIDINGS_AT(proxy_protocol),
     .help = "Connections begin with a PROXY header (v1 or v2) of a trusted proxy."},
    {.key = "cors.origins",
     .field = TIDINGS_AT(cors.origins),
     .help = "Origins whose pages may call; `*`: all; empty: only pages that the server serves itself.",
     .flaw = FlawOfOrigin},
    {.key = "metrics.listen",
     .field = TIDINGS_AT(metrics.listen),
     .help = "An address of its own for /metrics, which the others then do not serve."},
    {.key = "metrics.token",
     .field = TIDINGS_AT(metrics.token),
     .help = "What /metrics asks for as `Authorization: Bearer …`; empty: nothing.",
     .form = Form::kSecret},

    {.key = "socket.ping_interval",
     .field = TIDINGS_AT(socket.ping_interval),
     .help = "Between a pong and the next ping.",
     .least = 100,
     .most = kDay},
    {.key = "socket.ping_timeout",
     .field = TIDINGS_AT(socket.ping_timeout),
     .help = "Between a ping and the latest pong.",
     .least = 100,
     .most = kDay},
    {.key = "socket.connect_timeout",
     .field = TIDINGS_AT(socket.connect_timeout),
     .help = "For a connection to name its namespace and show its token.",
     .least = 100,
     .most = kDay},
    {.key = "socket.max_payload",
     .field = TIDINGS_AT(socket.max_payload),
     .help = "Largest message of a socket.",
     .least = 1024,
     .most = 100'000'000,
     .form = Form::kBytes},
    {.key = "socket.window",
     .field = TIDINGS_AT(socket.window),
     .help = "What may wait for one slow socket before it is served from the log.",
     .least = 16 * 1024,
     .most = 64 * 1024 * 1024,
     .form = Form::kBytes},
    {.key = "socket.compression",
     .field = TIDINGS_AT(socket.compression),
     .help = "WebSocket permessage-deflate. Costs processor time and memory for each socket."},

    {.key = "rate_limits",
     .field = TIDINGS_AT(rate_limits),
     .help = "Off lifts all limits by user and by address: for benchmarks and trusted back ends."},
    {.key = "limits.user_messages", .field = TIDINGS_AT(limits.user_messages), .help = "Messages that one user sends."},
    {.key = "limits.address_messages",
     .field = TIDINGS_AT(limits.address_messages),
     .help = "Messages from one address. An IPv6 address counts as its /64, here and below."},
    {.key = "limits.user_requests",
     .field = TIDINGS_AT(limits.user_requests),
     .help = "Other requests and socket events of one user."},
    {.key = "limits.address_requests",
     .field = TIDINGS_AT(limits.address_requests),
     .help = "HTTP requests from one address."},
    {.key = "limits.address_connections",
     .field = TIDINGS_AT(limits.address_connections),
     .help = "New sockets from one address."},
    {.key = "limits.address_logins",
     .field = TIDINGS_AT(limits.address_logins),
     .help = "Logins and registrations from one address."},
    {.key = "limits.account_logins", .field = TIDINGS_AT(limits.account_logins), .help = "Logins to one account."},
    {.key = "limits.connections",
     .field = TIDINGS_AT(limits.connections),
     .help = "Connections at one time. The file limit bounds them too.",
     .least = 1,
     .most = kMost},
    {.key = "limits.connections_per_address",
     .field = TIDINGS_AT(limits.connections_per_address),
     .help = "Connections of one address at one time; 0: as many as there may be.",
     .most = kMost},
    {.key = "limits.body",
     .field = TIDINGS_AT(limits.body),
     .help = "Largest body of a request other than an upload.",
     .least = 1024,
     .most = 64 * 1024 * 1024,
     .form = Form::kBytes},
    {.key = "limits.text",
     .field = TIDINGS_AT(limits.text),
     .help = "Largest text of a message.",
     .least = 1,
     .most = 1024 * 1024,
     .form = Form::kBytes},
    {.key = "limits.attachments",
     .field = TIDINGS_AT(limits.attachments),
     .help = "Binary attachments of one socket event.",
     .most = 1000},
    {.key = "limits.images", .field = TIDINGS_AT(limits.images), .help = "Images of one message.", .most = 1000},
    {.key = "limits.members_per_call",
     .field = TIDINGS_AT(limits.members_per_call),
     .help = "Members added in one call.",
     .least = 1,
     .most = 100'000},
    {.key = "limits.members_per_room",
     .field = TIDINGS_AT(limits.members_per_room),
     .help = "Members of one room.",
     .least = 2,
     .most = 10'000'000},
    {.key = "limits.rooms_per_user",
     .field = TIDINGS_AT(limits.rooms_per_user),
     .help = "Rooms that one user is a member of.",
     .least = 1,
     .most = kMost},

    {.key = "chat.seen_max_members",
     .field = TIDINGS_AT(chat.seen_max_members),
     .help = "Largest room in which SEEN is sent to all.",
     .most = 100'000},
    {.key = "chat.typing_max_online",
     .field = TIDINGS_AT(chat.typing_max_online),
     .help = "With more users of a room online, TYPING is not sent in it.",
     .most = 100'000},

    {.key = "amqp.url",
     .field = TIDINGS_AT(amqp.url),
     .help = "RabbitMQ to publish every event to, `amqp://user:password@host/vhost`.",
     .form = Form::kUrl,
     .flaw = FlawOfAmqp,
     .environment = "TIDINGS_AMQP_URL TIDINGS_AMQP"},
    {.key = "amqp.queue_type",
     .field = TIDINGS_AT(amqp.queue_type),
     .help = "What `chat_messages` is made as where it is missing."},
    {.key = "redis.url",
     .field = TIDINGS_AT(redis.url),
     .help = "Redis between the nodes, `redis://host:6379`.",
     .form = Form::kUrl,
     .flaw = FlawOfRedis,
     .environment = "TIDINGS_REDIS_URL TIDINGS_REDIS"},
};

#undef TIDINGS_AT

}  // namespace

std::span<const Setting> Settings() { return kSettings; }

std::vector<std::string> EnvironmentNames(const Setting& setting) {
  std::vector<std::string> names;
  for (std::string_view rest = setting.environment; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!names.empty()) return names;
  std::string name = "TIDINGS_";
  for (const char c : setting.key) {
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return {name};
}

}  // namespace tidings::app
