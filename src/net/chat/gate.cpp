#include <tidings/net/chat/gate.hpp>

#include <algorithm>
#include <charconv>

namespace tidings::net {

namespace {

constexpr std::size_t kMostKeys = 100'000;
constexpr std::size_t kMostKnown = 100'000;
constexpr double kMembersLikeAMessage = 100;
constexpr std::string_view kRetryKey = R"({"retryAfterMs":)";

std::string KeyOf(const auth::Claims& claims) {
  std::string key;
  key.reserve(claims.sub.size() + claims.name.size() + 4);
  key += claims.admin ? 'a' : '-';
  key += claims.Internal() ? 'i' : '-';
  key += claims.sub;
  key += '\0';
  key += claims.name;
  return key;
}

}  // namespace

Gate::Gate(ChatServices& services)
    : services_(services),
      sends_(services.clock, services.settings.user_sends, kMostKeys),
      address_sends_(services.clock, services.settings.address_sends, kMostKeys),
      requests_(services.clock, services.settings.user_requests, kMostKeys),
      addresses_(services.clock, services.settings.address_requests, kMostKeys),
      connections_(services.clock, services.settings.address_connections, kMostKeys),
      logins_(services.clock, services.settings.address_logins, kMostKeys),
      accounts_(services.clock, services.settings.account_logins, kMostKeys) {}

void Gate::Admit(std::string_view token, Done done) {
  const Millis now = services_.clock.Now();
  auto claims = services_.keys.Verify(token, now, services_.settings.expectation);
  if (!claims) return done(std::unexpected(claims.error()));
  const Millis ends_at = claims->expires_at > now ? claims->expires_at : claims->expires_at + auth::kLeeway;
  std::string key = KeyOf(*claims);
  if (const auto known = known_.find(key); known != known_.end()) return done(Admitted{known->second, ends_at});
  Ask({claims->sub, claims->name, claims->admin, claims->Internal()}, std::move(key), ends_at, std::move(done));
}

void Gate::Ask(chat::Bearer bearer, std::string key, Millis ends_at, Done done) {
  chat::Bearer asked = bearer;
  services_.engine.Admit(std::move(asked),
                         OnLoop<chat::Caller>(services_.loop, [this, bearer = std::move(bearer), key = std::move(key),
                                                               ends_at, since = forgotten_, done = std::move(done)](
                                                                  Result<chat::Caller> caller) mutable {
                           if (!caller) return done(std::unexpected(caller.error()));
                           // Rights that ended in the same commit were told before this answer, which may be older than their end.
                           if (since != forgotten_)
                             return Ask(std::move(bearer), std::move(key), ends_at, std::move(done));
                           if (known_.size() >= kMostKnown) known_.clear();
                           auto shared = std::make_shared<const chat::Caller>(std::move(*caller));
                           known_[key] = shared;
                           done(Admitted{std::move(shared), ends_at});
                         }));
}

void Gate::Forget(chat::UserKey user) {
  ++forgotten_;
  std::erase_if(known_, [&](const auto& entry) { return entry.second->key == user; });
}

Status Gate::Allow(RateLimiter& limiter, std::string_view key, double cost) {
  if (!services_.settings.rate_limits) return {};
  const Millis wait = limiter.Take(key, cost);
  if (wait == 0) return {};
  services_.stats.rate_limited.fetch_add(1, std::memory_order_relaxed);
  return std::unexpected(Error(ErrorCode::kRateLimited, "too many requests; wait before the next",
                               std::string(kRetryKey) + std::to_string(wait) + "}"));
}

Status Gate::AllowSend(const chat::Caller& caller, std::string_view address) {
  if (auto allowed = Allow(sends_, caller.id); !allowed) return allowed;
  return address.empty() ? Status() : Allow(address_sends_, address);
}
Status Gate::AllowMembers(const chat::Caller& caller, std::size_t members) {
  return Allow(sends_, caller.id, static_cast<double>(members) / kMembersLikeAMessage);
}
Status Gate::AllowRequest(const chat::Caller& caller) { return Allow(requests_, caller.id); }
Status Gate::AllowAddress(std::string_view address) { return Allow(addresses_, address); }
Status Gate::AllowConnection(std::string_view address) { return Allow(connections_, address); }
Status Gate::AllowAccount(std::string_view username) { return Allow(accounts_, username); }
Status Gate::AllowLogin(std::string_view address) { return Allow(logins_, address); }

std::string RetryAfterSeconds(const Error& error) {
  std::string_view details = error.details();
  std::uint64_t wait = 1'000;
  if (details.starts_with(kRetryKey)) {
    details.remove_prefix(kRetryKey.size());
    std::from_chars(details.data(), details.data() + details.size(), wait);
  }
  return std::to_string(std::max<std::uint64_t>(1, (wait + 999) / 1'000));
}

}  // namespace tidings::net
