#include "flaws.hpp"

#include <arpa/inet.h>

#include <initializer_list>
#include <string>

#include <tidings/app/config.hpp>
#include <tidings/base/bytes.hpp>

namespace tidings::app {

namespace {

bool HasScheme(std::string_view text, std::initializer_list<std::string_view> schemes) {
  for (const std::string_view scheme : schemes) {
    if (text.starts_with(scheme) && text.size() > scheme.size()) return true;
  }
  return text.empty();
}

}  // namespace

const char* FlawOfSecret(std::string_view text) {
  return text.empty() || text.size() >= 32 ? nullptr : "must have 32 bytes or more";
}

const char* FlawOfPassword(std::string_view text) {
  return text.empty() || text.size() >= 12 ? nullptr : "must have 12 characters or more";
}

const char* FlawOfStore(std::string_view text) {
  return HasScheme(text, {"mongodb://", "mongodb+srv://"}) ? nullptr : "must be a URL mongodb://…, or empty";
}

const char* FlawOfAmqp(std::string_view text) {
  return HasScheme(text, {"amqp://", "amqps://"}) ? nullptr : "must be a URL amqp://… or amqps://…, or empty";
}

const char* FlawOfRedis(std::string_view text) {
  return HasScheme(text, {"redis://", "rediss://"}) ? nullptr : "must be a URL redis://… or rediss://…, or empty";
}

const char* FlawOfSubnet(std::string_view text) {
  constexpr const char* kFlaw = "must be an IP address, or a block as 10.0.0.0/8";
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  unsigned char bytes[16];
  const bool v4 = inet_pton(AF_INET, address.c_str(), bytes) == 1;
  if (!v4 && inet_pton(AF_INET6, address.c_str(), bytes) != 1) return kFlaw;
  if (slash == text.npos) return nullptr;
  const auto bits = ParseWhole(text.substr(slash + 1));
  return bits && *bits <= (v4 ? 32U : 128U) ? nullptr : kFlaw;
}

const char* FlawOfOrigin(std::string_view text) {
  constexpr const char* kFlaw = "must be an origin as https://chat.example (no path), or *";
  if (text == "*") return nullptr;
  const auto host = text.find("://");
  if (host == text.npos || (text.substr(0, host) != "http" && text.substr(0, host) != "https")) return kFlaw;
  const std::string_view rest = text.substr(host + 3);
  return rest.empty() || rest.find_first_of("/?#@ ") != rest.npos ? kFlaw : nullptr;
}

const char* FlawOfHttp(std::string_view text) {
  return HasScheme(text, {"http://", "https://"}) ? nullptr : "must be a URL http://… or https://…, or empty";
}

const char* FlawOfWorker(std::string_view text) {
  const bool known = text == "archive" || text == "analytics" || text == "webhook" || text == "push";
  return known ? nullptr : "must be archive, analytics, webhook or push";
}

const char* FlawOfDuration(std::string_view text) {
  return ParseDuration(text) ? nullptr : "must be a time as 250ms, 5s, 30min or 2h, of ten years at most";
}

const char* FlawOfPath(std::string_view text) { return text.empty() ? "must name a folder" : nullptr; }

}  // namespace tidings::app
