// Gate: who a caller is, and how much they may ask.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <tidings/net/chat/services.hpp>

namespace tidings::net {

// Loop's thread only.
class Gate {
 public:
  explicit Gate(ChatServices& services);

  struct Admitted {
    std::shared_ptr<const chat::Caller> caller;
    Millis ends_at = 0;  // when the token's rights end, by the wall clock
  };
  using Done = std::move_only_function<void(Result<Admitted>)>;

  // Checks the token and finds or provisions its user. `done` is called at once if the user is known here, else later.
  void Admit(std::string_view token, Done done);
  // The user's rights ended, or they are another now: what is known of them here is forgotten.
  void Forget(chat::UserKey user);

  // Empty if the action is allowed; else kRateLimited with the milliseconds to wait in its details.
  // An empty address counts for nobody.
  Status AllowSend(const chat::Caller& caller, std::string_view address);
  // A call that names many members costs as much as several messages, on top of itself.
  Status AllowMembers(const chat::Caller& caller, std::size_t members);
  Status AllowRequest(const chat::Caller& caller);
  Status AllowAddress(std::string_view address);
  Status AllowConnection(std::string_view address);
  Status AllowLogin(std::string_view address);
  Status AllowAccount(std::string_view username);

 private:
  void Ask(chat::Bearer bearer, std::string key, Millis ends_at, Done done);
  Status Allow(RateLimiter& limiter, std::string_view key, double cost = 1);

  ChatServices& services_;
  RateLimiter sends_;
  RateLimiter address_sends_;
  RateLimiter requests_;
  RateLimiter addresses_;
  RateLimiter connections_;
  RateLimiter logins_;
  RateLimiter accounts_;
  // By what the token says; the same rights share one caller.
  std::unordered_map<std::string, std::shared_ptr<const chat::Caller>> known_;
  std::uint64_t forgotten_ = 0;  // how often rights ended
};

// The wait of a kRateLimited error in whole seconds, rounded up.
std::string RetryAfterSeconds(const Error& error);

}  // namespace tidings::net
